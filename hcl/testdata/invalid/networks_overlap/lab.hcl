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

network "a" { subnet = "10.0.0.128/25" }
network "b" { subnet = "10.8.0.0/16" }
network "c" { subnet = "10.0.0.0/8" }
