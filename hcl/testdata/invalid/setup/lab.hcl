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
  setup {}
}
machine "y" {
  image = image.i
  nic { network = network.n }
  setup {
    upload = {
      "files/a"   = "/root/a"
      "files/nix" = "/root/b"
      "files"     = "/root/c"
      "files/b"   = "/root/a"
      "files/c"   = "relative/c"
      "files/d"   = "/root/"
    }
    run = ["true", "", null]
  }
}
