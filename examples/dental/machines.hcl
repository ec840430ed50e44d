machine "db" {
  image  = image.server
  memory = "512MiB"

  nic {
    network = network.office
    address = "192.168.1.20"
  }

  setup {
    upload = {
      "files/postgresql.conf" = "/etc/postgresql/15/main/conf.d/harbour.conf"
      "files/schema.sql"      = "/root/schema.sql"
    }
    run = [
      "echo 'host booking booking ${local.office} scram-sha-256' >>/etc/postgresql/15/main/pg_hba.conf",
      "systemctl restart postgresql@15-main",
      "cd / && BOOKING_PASSWORD='${var.db_password}' runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 </root/schema.sql",
    ]
  }
}

machine "web" {
  image      = image.server
  memory     = "512MiB"
  depends_on = [machine.db]
  impact     = "high" # patched in a later wave

  nic {
    network = network.office
    address = "192.168.1.10"
    names   = ["www"]
  }

  setup {
    upload = {
      "files/booking.ini"                 = "/etc/harbour-booking.ini"
      "files/harbour-booking_1.0_all.deb" = "/root/harbour-booking.deb"
    }
    run = [
      "echo 'password = \"${var.db_password}\"' >>/etc/harbour-booking.ini",
      "chgrp www-data /etc/harbour-booking.ini && chmod 0640 /etc/harbour-booking.ini",
      "dpkg -i /root/harbour-booking.deb",
    ]
  }
}

machine "desk" {
  image  = image.server
  memory = "384MiB"

  nic {
    network = network.office # DHCP
  }
}
