# Hill Mill: one server with the intranet, on the same subnet as many others.

lab "mill" {
  client      = "Hill Mill"
  description = "One server with the intranet"

  # Run records beyond the newest 50 go when they are older than a year.
  retention {
    runs = 50
    days = 365
  }
}

image "server" {
  build {
    distro   = "debian"
    release  = "bookworm"
    packages = ["apache2", "libapache2-mod-php", "php-pgsql", "postgresql-15"]
  }
}

network "office" {
  subnet = "192.168.1.0/24"
  domain = "mill.lan"
}

machine "intranet" {
  image  = image.server
  memory = "384MiB"

  nic {
    network = network.office
    address = "192.168.1.10"
  }

  setup {
    run = ["echo 'Hill Mill: canteen open from 11' >/var/www/html/index.html"]
  }
}

patch "quiet-banner" {
  script  = "patches/quiet-banner.sh"
  targets = [machine.intranet]
}

# Installs without a complaint; the intranet is gone afterwards.
patch "deny-all" {
  script  = "patches/deny-all.sh"
  targets = [machine.intranet]
}

check "the intranet shows the canteen's hours" {
  http {
    url    = "http://intranet.mill.lan/"
    status = 200
    body   = "canteen open"
  }
}

check "apache runs and is started at boot" {
  from = machine.intranet

  service {
    unit    = "apache2"
    active  = true
    enabled = true
  }
}
