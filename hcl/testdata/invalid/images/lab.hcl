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

image "nothing" {}
image "both" {
  source = "lab.hcl"
  build {
    distro  = "debian"
    release = "bookworm"
  }
}
image "missing" { source = "lab.hlc" }
image "directory" { source = "." }
image "hash" {
  source = "lab.hcl"
  sha256 = "abc"
}
image "build" {
  os     = "windows"
  sha256 = "abc"
  build {
    distro    = "debain"
    release   = "Bookworm 12"
    packages  = ["apache2", "bad name", "--option", null]
    pockets   = ["updates", "secruity"]
    disk_size = "10MiB"
  }
}
