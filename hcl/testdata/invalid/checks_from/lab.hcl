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

check "a" {
  command { run = "true" }
}
check "b" {
  from = network.n
  service {
    unit   = "ssh"
    active = true
  }
}
check "c" {
  from = "m"
  service {
    unit   = "-x"
    active = true
  }
}
