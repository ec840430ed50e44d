# Attributes that the other definitions have no use for.

lab "attributes" {
  retention {
    runs = 30
    days = null
  }
}

variable "note" {
  description = "Used nowhere"
  default     = "x"
}

image "i" {
  build {
    distro  = "debian"
    release = "bookworm"
  }
}

image "w" {
  source = "files/disk.vhdx"
  os     = "windows"
}

network "n" {
  subnet = "10.0.0.0/24"
}

machine "m" {
  image = image.i
  nic { network = network.n }
}

machine "win" {
  image = image.w
  nic { network = network.n }
}

check "absent file" {
  from = machine.m
  file {
    path   = "/etc//nologin/"
    exists = false
  }
}

check "absent user" {
  from = machine.m
  user {
    name   = "guest"
    exists = false
  }
}

check "absent group" {
  from = machine.m
  group {
    name   = "guests"
    exists = false
  }
}

check "version" {
  from = machine.m
  package {
    name    = "openssl"
    version = { regexp = "^3\\." }
  }
}

check "listen" {
  from = machine.m
  listen {
    port      = 53
    protocol  = "udp"
    address   = "0:0::1"
    process   = "dnsmasq"
    listening = false
  }
}

check "timer" {
  from = machine.m
  task {
    name    = "apt-daily.timer"
    enabled = false
  }
}

check "reboot" {
  from = machine.m
  reboot { pending = true }
}

check "performance" {
  performance {
    url      = "https://m.n.lab/"
    insecure = true
  }
}

check "registry" {
  from = machine.win
  registry {
    key    = "HKLM:\\SOFTWARE\\Gone"
    exists = false
  }
}

check "hotfix" {
  from = machine.win
  hotfix {
    id        = "KB5041160"
    installed = false
  }
}

check "feature" {
  from = machine.win
  feature {
    name      = "Telnet-Client"
    installed = false
  }
}

check "site" {
  from = machine.win
  iis_site {
    name  = "Old Site"
    state = "Stopped"
  }
}

check "tls" {
  tls {
    host      = "m"
    port      = 8443
    insecure  = true
    days_left = { min = 397.5, max = 397.5 }
  }
}

check "smtp" {
  smtp {
    host = "m"
    from = "a@n.lab"
    to   = "b@n.lab"
    deliver {
      host     = "m"
      port     = 1993
      security = "tls"
      insecure = true
      user     = "b"
      password = "secret"
    }
  }
}

check "pop3" {
  pop3 {
    host     = "m"
    port     = 1995
    security = "tls"
    insecure = true
    user     = "b"
    password = "secret"
  }
}

check "imap" {
  imap {
    host     = "m"
    port     = 1143
    security = "starttls"
    insecure = true
    user     = "b"
    password = "secret"
  }
}

check "ldap" {
  ldap {
    host     = "m"
    port     = 1636
    security = "tls"
    insecure = true
  }
}

check "smb" {
  smb {
    host  = "m"
    port  = 1445
    share = "scans"
    file  = "a\\b.txt"
  }
}

check "sql" {
  sql {
    driver   = "sqlserver"
    host     = "m"
    port     = 1434
    security = "tls"
    insecure = true
    user     = "sa"
    query    = "SELECT 1"
    rows     = []
  }
}

check "ssh" {
  ssh {
    host     = "elsewhere"
    port     = 2222
    insecure = true
    user     = "b"
    password = "secret"
  }
}
