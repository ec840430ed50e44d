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

network "small" { subnet = "10.1.0.0/29" }
machine "x" {
  for_each = toset(["1", "2", "3", "4", "5", "6"])
  image    = image.i
  nic { network = network.small }
}
