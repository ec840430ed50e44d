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
  image      = image.i
  depends_on = [machine.m, machine.b]
  nic { network = network.n }
}
machine "b" {
  image      = image.i
  depends_on = [machine.c]
  nic { network = network.n }
}
machine "c" {
  image      = image.i
  depends_on = [machine.a]
  nic { network = network.n }
}
machine "self" {
  image      = image.i
  depends_on = [machine.self]
  nic { network = network.n }
}
