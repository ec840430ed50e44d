check "booking page shows free slots" {
  from = machine.desk

  http {
    url    = "http://www.harbour.lan/booking.php"
    status = 200
    body   = "free slots"
  }
}

check "desk finds the web server" {
  from = machine.desk

  dns {
    name    = "www.harbour.lan"
    answers = ["192.168.1.10"]
  }
}

check "web reaches the database" {
  from = machine.web

  tcp {
    host = "db.harbour.lan"
    port = 5432
  }
}

check "database has free slots" {
  from = machine.db

  command {
    run    = "cd / && runuser -u postgres -- psql -d booking -Atc 'SELECT count(*) FROM free_slots'"
    stdout = { equals = "3" }
  }
}

check "apache runs and is started at boot" {
  from = machine.web

  service {
    unit    = "apache2"
    active  = true
    enabled = true
  }
}

check "postgresql runs" {
  from = machine.db

  service {
    unit   = "postgresql@15-main" # "postgresql" is active whatever its clusters do
    active = true
  }
}
