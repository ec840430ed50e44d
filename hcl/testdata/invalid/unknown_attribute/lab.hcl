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

machine "x" {
  image  = image.i
  memroy = "512MiB"
  nic {
    network  = network.n
    adress   = "10.0.0.9"
    wibble   = 1
  }
  setup = {}
  impact { level = 1 }
  dsik { size = "1GiB" }
}
locals {
  inner { a = 1 }
}
