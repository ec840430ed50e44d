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

machin "web" {}
lab_rat "x" {}
patch "p" {
  targets = [machine.web]
}
stray = 1
