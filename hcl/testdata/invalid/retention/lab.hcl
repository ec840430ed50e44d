lab "t" {
  retention {
    runs  = 0
    days  = 1.5
    month = 3
  }
  retention "x" { days = 3 }
  retain { runs = 1 }
  retention = 5
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
  retention { runs = 1 }
}
