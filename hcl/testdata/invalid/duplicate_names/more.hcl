image "i" {
  source = "nothing"
}

check "c" {}
