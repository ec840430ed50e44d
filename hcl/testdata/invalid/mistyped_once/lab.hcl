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
  iamge = image.i
  nci { network = network.n }
}
network "o" { subnt = "10.1.0.0/24" }
image "j" { sorce = "lab.hcl" }
patch "p" {
  fles    = ["lab.hcl"]
  targets = [machine.x]
}
machine "y" {
  image = image.i
  nic { network = network.n }
  setup { runn = ["true"] }
}
check "c" {
  http {
    url   = "http://m/"
    staus = 200
  }
}
check "d" {
  http = {}
}
