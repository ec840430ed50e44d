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
  from     = network.office
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

check "web answers pings" {
  from = machine.dc

  ping {
    host  = "www.harbour.lan"
    count = 5
    loss  = { max = 20 }
  }
}

check "booking port is open" {
  from = network.office

  tcp {
    host = "192.168.1.10"
    port = 443
  }
}

check "syslog answers" {
  from = network.office

  udp {
    host   = "192.168.1.20"
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
  from = network.office

  tls {
    host        = "www.harbour.lan"
    names       = ["booking.harbour.lan"]
    days_left   = { min = 14 }
    min_version = "1.2"
    issuer      = "CN=Harbour CA"
  }
}

check "mail server offers TLS" {
  from = network.office

  tls {
    host     = "192.168.1.10"
    starttls = "smtp"
    name     = "mail.harbour.lan"
    subject  = { not_contains = "snakeoil" }
  }
}

check "mail domain" {
  from = network.office

  dns {
    name    = "harbour.lan"
    type    = "MX"
    server  = "192.168.1.5"
    answers = ["10 mail.harbour.lan."]
  }
}

check "mail arrives" {
  from = network.office

  smtp {
    host     = "mail.harbour.lan"
    port     = 587
    security = "starttls"
    insecure = true
    user     = "monitor"
    password = "tide5and4harbour3"
    from     = "monitor@harbour.lan"
    to       = "office@harbour.lan"

    deliver {
      host     = "mail.harbour.lan"
      security = "tls"
      user     = "office"
      password = "tide5and4harbour3"
      mailbox  = "Monitoring"
    }
  }
}

check "archive is readable" {
  from = network.office

  imap {
    host     = "mail.harbour.lan"
    security = "tls"
    user     = "archive"
    password = "tide5and4harbour3"
    mailbox  = "Archive/2026"
    messages = { min = 1000 }
  }
}

check "scanner's mailbox is empty" {
  from     = network.office
  severity = "warning"

  pop3 {
    host     = "mail.harbour.lan"
    user     = "scanner"
    password = "a literal is a secret too"
    messages = 0
  }
}

check "directory knows Anna" {
  from = network.office

  ldap {
    host       = "192.168.1.5"
    security   = "tls"
    user       = "CN=monitor,OU=Service,DC=harbour,DC=lan"
    password   = "tide5and4harbour3"
    base       = "DC=harbour,DC=lan"
    filter     = "(sAMAccountName=anna)"
    entries    = 1
    attributes = { "department" = { regexp = "^Front" }, "mail" = "anna@harbour.lan" }
  }
}

check "scans can be read" {
  from = machine.web

  smb {
    host     = "192.168.1.5"
    user     = "monitor"
    password = "tide5and4harbour3"
    domain   = "HARBOUR"
    share    = "scans"
    file     = "templates/referral.txt"
    content  = "Dear colleague"
  }
}

check "slots of today" {
  from = network.office

  sql {
    driver   = "postgres"
    host     = "192.168.1.20"
    user     = "booking"
    password = "tide5and4harbour3"
    database = "booking"
    query    = "SELECT room, state FROM slots ORDER BY room LIMIT 2"
    rows     = [["1", "free"], ["2", "NULL"]]
    count    = { min = 1, max = 2 }
    value    = "1"
  }
}

check "vendor's jump host" {
  from = network.office

  ssh {
    host     = "jump.vendor.example"
    user     = "harbour"
    password = "tide5and4harbour3"
    host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMbGqPp8Jo0lRkDOpFfLqGxTc4n0aWqkBDJZBsgVKQZs"
  }
}

check "a resolver answers" {
  from = machine.web

  any {
    dns {
      name    = "www.harbour.lan"
      server  = "192.168.1.5"
      answers = ["192.168.1.10"]
    }
    dns {
      name    = "www.harbour.lan"
      answers = ["192.168.1.10"]
    }
  }
}

check "SMB 1 is off" {
  from = machine.dc

  registry {
    key   = "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Parameters"
    name  = "SMB1"
    value = { equals = "0" }
  }
}

check "update is in" {
  from = machine.dc

  hotfix {
    id = "KB5041160"
  }
}

check "intranet" {
  from = machine.dc

  iis_site {
    name = "Default Web Site"
  }
}

check "nightly backup" {
  from = machine.dc

  task {
    name = "\\Backup\\Nightly"
  }
}

check "DNS server role" {
  from = machine.dc

  feature {
    name = "DNS"
  }
}

check "room on the system drive" {
  from = machine.dc

  disk {
    path         = "C:\\"
    free_percent = { min = 15 }
  }
}

check "no new errors on dc" {
  from = machine.dc

  log {}
}
