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

machine "a" {
  image = image.i
  nic {
    network = network.n
    address = "10.0.1.5"
  }
}
machine "b" {
  image = image.i
  nic {
    network = network.n
    address = "10.0.0.0"
  }
  nic {
    network = network.n
    address = "10.0.0.255"
  }
  nic {
    network = network.n
    address = "10.0.0.1"
  }
  nic {
    network = network.n
    address = "ten"
  }
  nic {
    network = network.n
    address = "10.0.0.9"
  }
}
machine "c" {
  image = image.i
  nic {
    network = network.n
    address = "10.0.0.9"
  }
}
machine "each" {
  for_each = toset(["1", "2", "3"])
  image    = image.i
  nic {
    network = network.n
    address = "10.0.0.77"
  }
}
