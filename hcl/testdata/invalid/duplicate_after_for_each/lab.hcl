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
  for_each = toset(["b", "c"])
  image    = image.i
  nic { network = network.n }
}
machine "a-b" {
  image = image.i
  nic { network = network.n }
}
check "x" {
  for_each = { k = 1 }
  tcp {
    host = "m"
    port = each.value
  }
}
check "x [k]" {
  tcp {
    host = "m"
    port = 1
  }
}
