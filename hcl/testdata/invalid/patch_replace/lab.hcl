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

patch "labels" {
  replace {
    source = "files/a.conf"
  }
  replace "/etc/a" "/etc/b" {
    source = "files/a.conf"
  }
  replace "/etc/c" {}
  targets = [machine.m]
}
patch "destinations" {
  replace "etc/a" { source = "files/a.conf" }
  replace "/etc/a/" { source = "files/a.conf" }
  replace "/etc/../a" { source = "files/a.conf" }
  replace "/etc/b" { source = "files/a.conf" }
  replace "/etc/b" { source = "files/a.conf" }
  replace "C:\\a" { source = "files/a.conf" }
  targets = [machine.m]
}
patch "values" {
  replace "/etc/a" {
    source = "files/b.conf"
    owner  = "root:www data"
    mode   = "640"
  }
  replace "/etc/b" {
    source = "files/a.conf"
    mode   = "rw-r--r--"
    group  = "root"
  }
  restart = ["app", "--now", ""]
  targets = [machine.m]
}
patch "windows" {
  replace "/etc/a" {
    source = "files/a.conf"
    mode   = "0644"
  }
  targets = [machine.win]
}
patch "attribute" {
  replace = { "/etc/a" = "files/a.conf" }
  targets = [machine.m]
}
