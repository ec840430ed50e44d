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
  image      = image.j
  impact     = high
  depends_on = [machine.mm, machine, machine["m"], network.m, machine.zzz]
  nic {
    network = network.n.nmae
    address = each.value
    names   = [local.x, var.x, path.module, foo.bar, machine.m.memory]
  }
}
locals {
  xx = 1
  an_address = machine.m.addres
}
