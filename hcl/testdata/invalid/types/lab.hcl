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
  image      = image.i
  memory     = 512
  cpus       = "many"
  impact     = ["high"]
  depends_on = machine.m
  nic {
    network = network.n
    address = { a = 1 }
    names   = "www"
  }
  disk { size = true }
  setup {
    upload  = "x"
    run     = "true"
    timeout = 30
  }
}
network "o" {
  subnet = "10.1.0.0/24"
  mtu    = [1]
  routed = "maybe"
}
check "c" {
  timeout = ["x"]
  http {
    url      = ["x"]
    headers  = ["x"]
    status   = "ok"
    body     = ["x"]
    header   = "x"
    insecure = 1
  }
}
