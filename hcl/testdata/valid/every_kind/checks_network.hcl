check "web answers pings" {
  from = machine.dc

  ping {
    host  = "www.harbour.lan"
    count = 5
    loss  = { max = 20 } # percent
  }
}

check "booking port is open" {
  tcp {
    host = machine.web.address
    port = 443
  }
}

check "syslog answers" {
  udp {
    host   = machine.db.address
    port   = 7007
    send   = "ping\n"
    expect = "pong"
  }
}

check "booking page shows free slots" {
  from = machine.dc

  http {
    url    = "http://www.harbour.lan/booking.php"
    status = 200
    body   = "free slots"
  }
}

check "certificate is good for a while" {
  tls {
    host        = "www.harbour.lan"
    names       = ["booking.harbour.lan"]
    days_left   = { min = 14 }
    min_version = "1.2"
    issuer      = "CN=Harbour CA"
  }
}

check "mail server offers TLS" {
  tls {
    host     = machine.web.address
    starttls = "smtp"
    name     = "mail.harbour.lan"
    subject  = { not_contains = "snakeoil" }
  }
}

check "mail domain" {
  dns {
    name    = "harbour.lan"
    type    = "MX"
    server  = machine.dc.address
    answers = ["10 mail.harbour.lan."]
  }
}

check "mail arrives" {
  smtp {
    host     = "mail.harbour.lan"
    port     = 587
    security = "starttls"
    insecure = true
    user     = "monitor"
    password = var.password
    from     = "monitor@harbour.lan"
    to       = "office@harbour.lan"

    deliver {
      host     = "mail.harbour.lan"
      security = "tls"
      user     = "office"
      password = var.password
      mailbox  = "Monitoring"
    }
  }
}

check "archive is readable" {
  imap {
    host     = "mail.harbour.lan"
    security = "tls"
    user     = "archive"
    password = var.password
    mailbox  = "Archive/2026"
    messages = { min = 1000 }
  }
}

check "scanner's mailbox is empty" {
  severity = "warning"

  pop3 {
    host     = "mail.harbour.lan"
    user     = "scanner"
    password = "a literal is a secret too"
    messages = 0
  }
}

check "directory knows Anna" {
  ldap {
    host       = machine.dc.address
    security   = "tls"
    user       = "CN=monitor,OU=Service,DC=harbour,DC=lan"
    password   = var.password
    base       = "DC=harbour,DC=lan"
    filter     = "(sAMAccountName=anna)"
    scope      = "sub"
    entries    = 1
    attributes = { mail = "anna@harbour.lan", department = { regexp = "^Front" } }
  }
}

check "scans can be read" {
  from = machine.web

  smb {
    host     = machine.dc.address
    domain   = "HARBOUR"
    user     = "monitor"
    password = var.password
    share    = "scans"
    file     = "templates/referral.txt"
    content  = "Dear colleague"
  }
}

check "slots of today" {
  sql {
    driver   = "postgres"
    host     = machine.db.address
    user     = "booking"
    password = var.password
    database = "booking"
    query    = "SELECT room, state FROM slots ORDER BY room LIMIT 2"
    rows     = [["1", "free"], [2, null]]
    count    = { min = 1, max = 2 }
    value    = "1"
  }
}

check "backup account can log in" {
  from = machine.web

  ssh {
    host      = machine.db.address
    user      = "backup"
    key       = "files/monitor_key"
    run       = "backup --list"
    exit_code = 0
    stdout    = { regexp = "^daily" }
  }
}

check "vendor's jump host" {
  ssh {
    host     = "jump.vendor.example"
    user     = "harbour"
    password = var.password
    host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMbGqPp8Jo0lRkDOpFfLqGxTc4n0aWqkBDJZBsgVKQZs"
  }
}

# One of its members is enough; with all, each must hold.
check "a resolver answers" {
  from = machine.web

  any {
    dns {
      name    = "www.harbour.lan"
      answers = [machine.web.address]
      server  = machine.dc.address
    }
    dns {
      name    = "www.harbour.lan"
      answers = [machine.web.address]
    }
  }
}
