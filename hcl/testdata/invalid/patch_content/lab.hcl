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

patch "nothing" { targets = [machine.m] }
patch "two" {
  files    = ["files/*.deb"]
  packages = ["openssl"]
  targets  = [machine.m]
}
patch "three" {
  script   = "files/a.sh"
  packages = ["openssl"]
  targets  = [machine.m]
  replace "/etc/a" { source = "files/a.sh" }
}
patch "mixed" {
  files   = ["files/a.deb", "files/a.rpm", "files/A.MSU"]
  targets = [machine.m]
}
patch "strange" {
  files   = ["files/a.deb", "files/a.sh"]
  targets = [machine.m]
}
patch "many" {
  files   = ["files/*.msi"]
  targets = [machine.win]
}
patch "empty-files" {
  files   = []
  targets = [machine.m]
}
patch "empty-packages" {
  packages = []
  targets  = [machine.m]
}
patch "mistyped" {
  package = ["openssl"]
  targets = [machine.m]
}
