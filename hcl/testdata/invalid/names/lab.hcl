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

machine "Web_1" {
  image = image.i
  nic { network = network.n }
}
network "-x" { subnet = "10.1.0.0/24" }
image "a/b" {
  build {
    distro  = "debian"
    release = "bookworm"
  }
}
patch "" {
  files   = ["lab.hcl"]
  targets = [machine.m]
}
variable "1x" { default = 1 }
check "line\nbreak" {
  tcp {
    host = "m"
    port = 1
  }
}
machine "k" {
  for_each = toset(["ok", "Not OK"])
  image    = image.i
  nic { network = network.n }
}
