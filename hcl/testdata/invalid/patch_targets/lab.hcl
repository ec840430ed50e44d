lab "t" {}

image "i" {
  build {
    distro  = "debian"
    release = "bookworm"
  }
}

image "w" {
  source = "files/disk.vhdx"
  os     = "windows"
}

network "n" {
  subnet = "10.0.0.0/24"
}

machine "m" {
  image = image.i
  nic { network = network.n }
}

machine "win" {
  image = image.w
  nic { network = network.n }
}

machine "first" {
  image = image.i
  wave  = 1
  nic { network = network.n }
}
machine "both" {
  image  = image.i
  wave   = 2
  impact = "normal"
  nic { network = network.n }
}
machine "zero" {
  image = image.i
  wave  = 0
  nic { network = network.n }
}
patch "waves" {
  packages = ["openssl"]
  targets  = [machine.m, machine.first, machine.both]
}
patch "linux" {
  packages = ["openssl"]
  targets  = [machine.m, machine.win]
}
patch "windows" {
  files   = ["files/a.msu"]
  targets = [machine.m]
}
patch "rpm" {
  packages = ["openssl"]
  manager  = "dnf"
  targets  = [machine.m]
}
