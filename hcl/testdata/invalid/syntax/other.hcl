network "o" {
  subnt = "10.0.0.0/24"
}
