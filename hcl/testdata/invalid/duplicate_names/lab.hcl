lab "t" {}

image "i" {
  build {
    distro  = "debian"
    release = "bookworm"
  }
}

network "n" {
  subnet = "10.0.0.0/24"
}

machine "m" {
  image = image.i
  nic { network = network.n }
}

machine "m" {
  image = image.i
  nic { network = network.n }
}
lab "again" {}
variable "v" { default = 1 }
variable "v" { default = 2 }
locals { a = 1 }
locals { a = 2 }
check "c" {
  tcp {
    host = "m"
    port = 1
  }
}
