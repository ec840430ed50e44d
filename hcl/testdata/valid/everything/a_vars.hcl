variable "token" {
  type      = string
  sensitive = true
}

variable "release" {
  default = "bookworm"
  validation {
    condition     = contains(["bookworm", "trixie"], var.release)
    error_message = "No such release."
  }
}

variable "ports" {
  type = list(number)
}

variable "sites" {
  type = map(object({ ip = number, note = optional(string, "none") }))
}

variable "status" {
  type    = number
  default = null
}

locals {
  subnet  = cidrsubnet("10.20.0.0/16", 8, 3)
  address = machine.hub.address
  login   = "Bearer ${local.encoded}"
  encoded = base64encode(var.token)
}
