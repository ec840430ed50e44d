lab "t" {
  watch {
    paths = ["srv", ""]
  }
}

image "i" {
  build {
    distro  = "debian"
    release = "bookworm"
  }
}

image "w" {
  source = "files/disk.vhdx"
  os     = "windows"
}

network "n" {
  subnet = "10.0.0.0/24"
}

machine "m" {
  image = image.i
  nic { network = network.n }
  watch {}
  watch { paths = ["/a"] }
}

machine "l" {
  image = image.i
  nic { network = network.n }
  watch {
    paths    = ["srv/app", "C:\\App", 7, "/a\nb"]
    commands = { "" = "true", "a\nb" = "true", "c" = " ", "d" = null }
  }
}

machine "win" {
  image = image.w
  nic { network = network.n }
  watch {
    paths    = ["/srv"]
    commands = ["true"]
    command  = { "a" = "true" }
  }
}
