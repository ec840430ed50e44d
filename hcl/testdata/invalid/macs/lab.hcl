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
    mac     = "52:54:00:00:00:01"
  }
  nic {
    network = network.n
    mac     = "52-54-00-00-00-01"
  }
  nic {
    network = network.n
    mac     = "01:00:5e:00:00:01"
  }
  nic {
    network = network.n
    mac     = "52:54:00"
  }
  nic {
    network = network.n
    mac     = "00:00:00:00:00:00"
  }
}
