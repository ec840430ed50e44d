lab "t" {
  retention {
    runs = null
  }
}

image "i" {
  source = "lab.hcl"
}

network "n" {
  subnet = "10.0.0.0/24"
}

machine "m" {
  image = image.i
  nic { network = network.n }
}
