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
  image        = image.i
  memory       = "512MB"
  boot_timeout = "5 minutes"
  nic { network = network.n }
  disk { size = "2" }
  disk { size = "2GB" }
  disk { size = "2KiB" }
  disk { size = "0.3MiB" }
  disk { size = "big" }
  disk { size = "999999999999TiB" }
}
