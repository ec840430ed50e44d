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

check "no login" {
  ssh {
    host = "m"
    user = "u"
  }
}
check "both" {
  ssh {
    host     = "m.n.lab"
    user     = "u"
    password = "p"
    key      = "files/key"
    insecure = true
    host_key = "ssh-ed25519 AAAA"
  }
}
check "no key" {
  ssh {
    host     = "10.0.0.77"
    user     = "u"
    key      = "files/disk.vhdx"
    host_key = "SHA256:abc"
    stdout   = "x"
  }
}
check "missing key" {
  ssh {
    host = "m"
    user = "u"
    key  = "files/keys"
  }
}
check "unknown host" {
  all {
    ssh {
      host     = "jump.example"
      user     = "u"
      password = "p"
    }
  }
}
