lab "drivers" {}

image "built" {
  build {
    distro  = "debian"
    release = "bookworm"
  }
}

network "office" {
  subnet = "192.168.1.0/24"
}

machine "web" {
  image     = image.built
  bus       = "sata"
  nic_model = "e1000e"
  nic { network = network.office }
}
