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

variable "missing" {}
variable "typed" {
  type    = number
  default = "many"
}
variable "odd" {
  type    = strin
  default = 1
}
variable "refused" {
  default = 3
  validation {
    condition     = var.refused > 5
    error_message = "It must be more than 5."
  }
}
variable "strange" {
  default   = local.x
  sensitive = "perhaps"
  descripton = "x"
}
variable "list" { type = list(string) }
variable "half" {
  type = object({ a = string })
  default = {}
  validation { condition = true }
}
variable "quiet" {
  default = 1
  validation {
    condition     = null
    error_message = "x"
  }
}
