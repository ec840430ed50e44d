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

network "x" {}
machine "x" {
  nic {}
  disk {}
}
patch "p" { files = [] }
check "c" {
  http {}
}
check "d" {
  tcp { port = 1 }
}
machine "null" {
  image = null
  nic { network = network.n }
}
