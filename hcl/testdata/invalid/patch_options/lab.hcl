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

patch "deb" {
  files       = ["files/a.deb"]
  args        = ["x"]
  interpreter = ["python3"]
  confirm     = "true"
  restart     = ["app"]
  targets     = [machine.m]
}
patch "script" {
  script      = "files/a.sh"
  interpreter = []
  confirm     = " "
  bundle      = "bundles"
  targets     = [machine.m]
}
patch "interpreter" {
  script      = "files/a.sh"
  interpreter = ["", "-u"]
  targets     = [machine.m]
}
patch "msu" {
  files   = ["files/a.msu"]
  args    = ["/quiet"]
  bundle  = "bundles"
  targets = [machine.win]
}
patch "bundle" {
  packages = ["openssl"]
  bundle   = "files/a.sh"
  targets  = [machine.m]
}
patch "no-bundle" {
  packages = ["openssl"]
  bundle   = ""
  targets  = [machine.m]
}
patch "verify" {
  packages      = ["openssl"]
  reboot        = "never"
  verify_reboot = true
  targets       = [machine.m]
}
