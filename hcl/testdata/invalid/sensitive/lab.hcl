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

variable "password" {
  type      = string
  sensitive = true
}
variable "pin" {
  type      = number
  sensitive = true
  default   = "hunter2-pin"
}
variable "short" {
  sensitive = true
  type      = number
  default   = "abc"
}
variable "checked" {
  sensitive = true
  default   = "hunter2"
  validation {
    condition     = length(var.checked) > 10
    error_message = "Too short: ${var.checked}"
  }
}
locals {
  broken  = tonumber(var.password)
  decoded = jsondecode(var.password)
  match   = regex(var.password, "x")
  up      = upper(var.password)
}
machine "x" {
  for_each = toset([var.password])
  image    = image.i
  nic { network = network.n }
}
machine "y" {
  image  = image.i
  memory = var.password
  nic {
    network = network.n
    names   = [var.password, "hunter2 x"]
  }
}
check "c" {
  http {
    url    = var.password
    status = var.password
    body   = { regexp = "(${var.password}" }
  }
}
check "d" {
  from = var.password
  tcp {
    host = ["${var.password}"]
    port = 1
  }
}
