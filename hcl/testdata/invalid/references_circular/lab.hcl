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

locals {
  a = local.b
  b = "x${local.c}"
  c = upper(local.a)
  d = local.a
  self = local.self
}
machine "x" {
  image = image.i
  nic {
    network = network.n
    address = machine.y.address
  }
}
machine "y" {
  image = image.i
  nic {
    network = network.n
    address = machine.x.address
  }
}
network "o" {
  subnet  = "10.2.0.0/24"
  gateway = cidrhost(network.o.subnet, 1)
}
