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

network "o" {
  subnet = "10.1.0.0/24"
  subnet = "10.2.0.0/24"
}
