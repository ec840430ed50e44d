# Harbour Dental: a booking site, its database and a PC at the front desk.
# The other files of this folder are part of the same definition.

lab "dental" {
  client      = "Harbour Dental"
  description = "Booking site, its database, one front-desk PC"
}

variable "db_password" {
  type        = string
  description = "Password of the booking site's database user"
  default     = "tide5and4harbour3"
  sensitive   = true # never printed, and not in reports

  validation {
    condition     = can(regex("^[A-Za-z0-9]+$", var.db_password))
    error_message = "Letters and digits only: it goes through a shell and an ini file."
  }
}

locals {
  office = "192.168.1.0/24"
}

# Debian as it was released: today's security updates are what is tested.
image "server" {
  build {
    distro   = "debian"
    release  = "bookworm"
    packages = ["apache2", "libapache2-mod-php", "php-pgsql", "postgresql-15"]
  }
}

network "office" {
  subnet  = local.office
  gateway = "192.168.1.1"
  domain  = "harbour.lan"
}
