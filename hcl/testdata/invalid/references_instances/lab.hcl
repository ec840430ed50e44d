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
  for_each = toset(["one", "two"])
  image    = image.i
  nic { network = network.n }
}
patch "p" {
  script  = "lab.hcl"
  targets = [machine.x["one"], machine.x["tow"], machine.x.name, machine.x["one"].nam]
}
check "c" {
  from = machine.x
  tcp {
    host = machine.m.address
    port = each.key
  }
}
check "d" {
  from = machine.x["one"]
  tcp {
    host = "http://${machine.m}/"
    port = 1
  }
}
