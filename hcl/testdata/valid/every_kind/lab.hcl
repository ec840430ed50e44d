# Every block of the language that says what a patch is and what a check
# asserts, once: see patches.hcl and the checks_*.hcl files.

lab "every-kind" {
  client = "Harbour Dental"

  # What is compared before and after a patch, on every machine, beyond what
  # always is (packages, services, ports, users, /etc and so on).
  watch {
    paths    = ["/opt/agent", "C:\\Agent"]
    commands = { "agent version" = "agent --version" }
  }
}

variable "password" {
  type      = string
  sensitive = true
  default   = "tide5and4harbour3"
}

image "debian" {
  build {
    distro  = "debian"
    release = "bookworm"
  }
}

image "rhel" {
  source = "files/rhel9.qcow2"
}

image "windows" {
  source = "files/server2019.vhdx"
  os     = "windows"
}

network "office" {
  subnet = "192.168.1.0/24"
  domain = "harbour.lan"
}

machine "db" {
  image = image.debian
  wave  = 2 # patched after wave 1; or: impact = "high"

  nic {
    network = network.office
    address = "192.168.1.20"
  }

  watch {
    paths    = ["/srv/booking", "/opt/agent"]
    commands = { "tables" = "runuser -u postgres -- psql -Atc '\\dt' booking", "agent version" = "agent -v" }
  }
}

machine "web" {
  image = image.debian
  wave  = 1

  nic {
    network = network.office
    address = "192.168.1.10"
    names   = ["www", "mail"]
  }
}

machine "erp" {
  image  = image.rhel
  impact = "high"

  nic { network = network.office }
}

machine "dc" {
  image  = image.windows
  memory = "4GiB"

  nic {
    network = network.office
    address = "192.168.1.5"
  }
}
