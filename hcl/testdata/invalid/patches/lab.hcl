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

patch "a" {
  files   = ["in/*.deb", "nothing/*", "[", ""]
  targets = []
}
patch "b" {
  files   = ["in/*.deb", "in/*.txt"]
  targets = [machine.m]
  args    = ["x"]
}
patch "c" { targets = [machine.m] }
patch "d" {
  files   = []
  script  = "fixx.sh"
  targets = [machine.n]
  timeout = "soon"
}
patch "e" {
  files   = []
  targets = ["m"]
}
