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

locals {
  x = 1 + "a"
  y = local.x
  z = uper("x")
  w = element([], 0)
  v = cidrhost("10.0.0.0/30", 9)
  u = cidrhost("nonsense", 1)
  t = cidrsubnet("10.0.0.0/24", 9, 0)
  s = cidrsubnet("10.0.0.0/24", 2, 4)
  r = length(5)
  q = coalesce("", null)
  p = sum([1, null])
  o = base64decode("!")
}
variable "n" { default = { a = 1 } }
machine "x" {
  image  = image.i
  memory = local.y
  cpus   = var.n.b
  nic { network = network.n }
}
