variable "days" {
  type      = number
  sensitive = true
  default   = 7
}

lab "t" {
  retention {
    runs = "many"
    days = var.days
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
