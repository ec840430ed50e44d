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
  http {
    url     = "www/page"
    headers = { "bad name" = "x", a = "1\n2", b = "1", B = "2" }
    body    = { contain = "x", equals = "", regexp = "(" }
    header  = { x-a = "1", X-A = "2", ok = "" }
  }
}
check "b" {
  tcp {
    host   = "two words"
    port   = 1
    expect = { contains = 7, regexp = ["x"], not_contains = null }
  }
}
check "c" {
  http {
    url    = "ftp://m/"
    status = 200
  }
}
