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
  for_each = ["x", "y"]
  image    = image.i
  nic { network = network.n }
}
machine "b" {
  for_each = local.nothing
  image    = image.i
  nic { network = network.n }
}
machine "c" {
  for_each = null
  image    = image.i
  nic { network = network.n }
}
machine "d" {
  for_each = toset([1, 2])
  image    = image.i
  nic { network = network.n }
}
machine "e" {
  for_each = toset(["p", "q"])
  image    = image.i
  memory   = "lots"
  wrong    = 1
  nic {
    network = network.n
    address = each.value.ip
  }
}
check "null" {
  for_each = toset([null, "x"])
  tcp {
    host = each.key
    port = 1
  }
}
check "f" {
  for_each = machine.m
  tcp {
    host = each.key
    port = 1
  }
}
patch "g" {
  script  = "lab.hcl"
  targets = [machine.a, machine.b["x"], machine.c.name]
}
