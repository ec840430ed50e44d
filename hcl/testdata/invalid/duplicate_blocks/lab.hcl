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
  image = image.i
  nic { network = network.n }
  setup { run = ["true"] }
  setup { run = ["false"] }
}
check "two" {
  tcp {
    host = "m"
    port = 1
  }
  http {
    url    = "http://m/"
    status = 200
  }
}
