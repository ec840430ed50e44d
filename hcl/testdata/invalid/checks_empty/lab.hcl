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

check "a" {}
check "b" {
  http { url = "http://m/" }
}
check "c" {
  from = machine.m
  service { unit = "ssh" }
}
check "d" {
  dns { name = "m" }
}
check "e" {
  from = machine.m
  command {
    run    = " "
    stdout = ""
    stderr = {}
  }
}
check "f" {
  htpt { url = "http://m/" }
}
check "g" {
  http {
    url    = "http://m/"
    header = {}
  }
}
check "h" {
  http {
    url    = "http://m/"
    status = null
  }
}
