lab "t" {}
network "n" {
  subnet = "10.0.0.0/24"
}
