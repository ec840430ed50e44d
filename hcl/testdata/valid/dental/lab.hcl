lab "dental" {
  client      = "Harbour Dental"
  description = "Booking site, its database, one front-desk PC"
}

image "server" {
  build {
    distro   = "debian"
    release  = "bookworm"
    packages = ["postgresql-15", "apache2", "apache2"]
  }
}

network "office" {
  subnet  = "192.168.1.0/24"
  gateway = "192.168.1.1"
  domain  = "harbour.lan"
}

machine "db" {
  image  = image.server
  memory = "512MiB"
  nic {
    network = network.office
    address = "192.168.1.20"
  }
  setup {
    upload = { "files/schema.sql" = "/root/schema.sql" }
    run    = ["runuser -u postgres -- psql -f /root/schema.sql"]
  }
}

machine "web" {
  image      = image.server
  depends_on = [machine.db]
  impact     = "high"
  nic {
    network = network.office
    address = "192.168.1.10"
    names   = ["www"]
  }
}

machine "desk" {
  image = image.server
  nic { network = network.office }
}

patch "apache-security" {
  files   = ["patches/*.deb"]
  targets = [machine.web]
  reboot  = "auto"
}

check "booking page shows free slots" {
  from = machine.desk
  http {
    url    = "http://www.harbour.lan/booking.php"
    status = 200
    body   = "free slots"
  }
}
