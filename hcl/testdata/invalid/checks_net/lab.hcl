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

check "ping" {
  ping {
    host  = "a b"
    count = 0
    loss  = 101
  }
}
check "udp" {
  udp {
    host   = "m"
    port   = 70000
    expect = ""
  }
}
check "tls" {
  tls {
    host        = "m"
    starttls    = "http"
    min_version = 1
    names       = ["a b", ""]
    days_left   = "soon"
    subject     = { contain = "x" }
  }
}
check "tls user" {
  tls {
    host     = "m"
    security = "tls"
  }
}
check "dns" {
  dns {
    name = "m"
    type = "TLS"
  }
}
check "performance" {
  performance {}
}
check "performance of two" {
  from = machine.m
  performance {
    run      = "true"
    url      = "http://m/"
    samples  = 0
    factor   = 0.5
    slack    = "0s"
    max      = 3
    insecure = true
  }
}
check "performance insecure" {
  from = machine.m
  performance {
    run      = "true"
    insecure = true
  }
}
check "performance of a page" {
  performance { url = "m" }
}
