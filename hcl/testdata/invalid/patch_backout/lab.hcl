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

patch "script" {
  script  = "files/a.sh"
  targets = [machine.m]
  backout {}
}
patch "deb" {
  files   = ["files/a.deb"]
  targets = [machine.m]
  backout { script = "files/a.sh" }
}
patch "args" {
  packages = ["openssl"]
  targets  = [machine.m]
  backout {
    args     = ["x"]
    required = "yes"
  }
}
patch "missing" {
  script  = "files/a.sh"
  targets = [machine.m]
  backout { script = "files/b.sh" }
  backout {}
}
