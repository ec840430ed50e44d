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

check "empty" {
  any {}
}
check "nested" {
  from = machine.m
  all {
    any {
      tcp {
        host = "m"
        port = 1
      }
    }
    log {}
    performance { run = "true" }
    tpc {
      host = "m"
      port = 1
    }
  }
}
check "two" {
  any {
    ping { host = "m" }
  }
  all {
    ping { host = "m" }
  }
}
check "nowhere" {
  any {
    ping { host = "m" }
    file { path = "/etc/passwd" }
  }
}
check "a network" {
  from = network.n
  all {
    package { name = "a" }
    http { url = "http://m/" }
  }
}
check "label" {
  any "x" {
    tcp "y" {
      host = "m"
      port = 0
    }
  }
}
check "performance" {
  performance { run = "true" }
}
