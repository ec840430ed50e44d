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

network "a" { subnet = "10.1.0.7/24" }
network "b" { subnet = "office" }
network "c" { subnet = "10.2.0.0/31" }
network "d" { subnet = "fd00::/64" }
network "e" { subnet = "127.0.0.0/8" }
network "f" {
  subnet  = "10.3.0.0/24"
  gateway = "10.4.0.1"
  domain  = "Harbour.LAN."
}
network "g" {
  subnet  = "10.5.0.0/24"
  gateway = "10.5.0.255"
  domain  = "a b"
}
network "h" {
  subnet  = "10.6.0.0/24"
  gateway = "first"
}
