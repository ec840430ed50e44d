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
  image      = "i"
  depends_on = ["m", "machine.m", machine.m.name, network.n, 7]
  nic { network = "network.n" }
}
machine "y" {
  image      = machine.m
  depends_on = machine.m
  nic { network = image.i }
}
check "c" {
  from = "n"
  tcp {
    host = machine.m
    port = 1
  }
}
check "d" {
  from = image.i
  tcp {
    host = "x"
    port = 1
  }
}
