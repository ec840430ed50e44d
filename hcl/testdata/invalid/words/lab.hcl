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
  image     = image.i
  impact    = "hihg"
  firmware  = "UEFI"
  bus       = "ide"
  nic_model = "e1000"
  nic { network = network.n }
}
patch "p" {
  script  = "lab.hcl"
  targets = [machine.m]
  reboot  = "allways"
}
image "j" {
  os     = "linus"
  source = "lab.hcl"
}
check "c" {
  severity = "warn"
  http {
    url    = "http://m/"
    method = "post"
    status = 200
  }
}
check "d" {
  dns {
    name  = "m"
    type  = "a"
    rcode = "NXDOMIAN"
  }
}
