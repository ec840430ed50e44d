check "database has slots" {
  from = machine.db

  command {
    run    = "runuser -u postgres -- psql -Atc 'SELECT count(*) FROM slots' booking"
    stdout = { regexp = "^[1-9]" }
  }
}

check "apache runs" {
  from = machine.web

  service {
    unit   = "apache2"
    active = true
  }
}

check "apache is new enough" {
  from = machine.web

  package {
    name     = "apache2"
    at_least = "2.4.62"
  }
}

check "telnet is not there" {
  from = machine.web

  package {
    name      = "telnetd"
    installed = false
  }
}

check "workers" {
  from = machine.web

  process {
    name  = "apache2"
    user  = "www-data"
    count = { min = 2, max = 64 }
  }
}

check "postgres listens for the office only" {
  from = machine.db

  all {
    listen {
      port    = 5432
      address = "192.168.1.20"
      process = "postgres"
    }
    listen {
      port      = 5433
      protocol  = "udp"
      listening = false
    }
    service {
      unit   = "postgresql@15-main"
      active = true
    }
  }
}

check "settings are as they were" {
  from = machine.web

  file {
    path    = "/etc/app/app.conf"
    type    = "file"
    content = "workers"
    owner   = "root"
    group   = "www-data"
    mode    = "0640"
    size    = { max = 4096 }
  }
}

check "vendor's library is unchanged" {
  from = machine.web

  file {
    path   = "/opt/agent/lib.so"
    sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
  }
}

check "booking data is mounted" {
  from = machine.db

  mount {
    path    = "/srv/booking"
    source  = "/dev/vdb"
    type    = "ext4"
    options = ["noexec"]
  }
}

check "room for logs" {
  from = machine.db

  disk {
    path                = "/var/log"
    free_mib            = { min = 512 }
    free_percent        = { min = 10 }
    free_inodes_percent = { min = 5 }
  }
}

check "backup account" {
  from = machine.db

  user {
    name   = "backup"
    uid    = 34
    groups = ["backup", "postgres"]
    shell  = "/usr/sbin/nologin"
    home   = "/var/backups"
  }
}

check "administrators" {
  from = machine.db

  group {
    name    = "sudo"
    gid     = 27
    members = ["anna"]
  }
}

check "no router" {
  from = machine.web

  sysctl {
    name  = "net.ipv4.ip_forward"
    value = { equals = "0" }
  }
}

check "certificates are renewed" {
  from = machine.web

  task {
    name        = "certbot.timer"
    last_result = 0
  }
}

check "no new errors" {
  from = machine.web

  log {
    unit     = "apache2.service"
    priority = "warning"
    ignore   = ["^AH00558:"]
  }
}

check "no reboot is pending" {
  from = machine.web

  reboot {}
}

check "booking page is as fast as before" {
  severity = "warning"

  performance {
    url     = "https://www.harbour.lan/booking.php"
    samples = 9
    factor  = 1.5
    slack   = "50ms"
    max     = "2s"
  }
}

check "report is as fast as before" {
  from = machine.db

  performance {
    run = "/srv/booking/report --dry-run"
  }
}
