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
  image  = image.i
  memory = "16MiB"
  cpus   = 0
  nic { network = network.n }
  disk { size = "0MiB" }
}
network "o" {
  subnet = "10.1.0.0/24"
  mtu    = 100
}
check "c" {
  retries  = -1
  timeout  = "0s"
  interval = "25h"
  tcp {
    host = "m"
    port = 65536
  }
}
check "d" {
  retries = 1.5
  http {
    url       = "http://m/"
    status    = 1000
    redirects = 99
  }
}
