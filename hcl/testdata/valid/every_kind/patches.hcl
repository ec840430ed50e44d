# Files: all .deb, all .rpm or all .msu, or one .cab, .msi, .msp or .exe.
patch "apache-files" {
  files         = ["patches/*.deb"]
  bundle        = "bundles/apache-before" # the packages of before, for taking it out
  targets       = [machine.web, machine.db]
  reboot        = "always"
  verify_reboot = false

  # The proof that it can be taken out again.
  backout {}

  # Any other change of the machines fails the patch.
  expect {
    changes = ["package", "service:apache2*", "file:/etc/apache2/*"]
  }
}

patch "openssl-files" {
  files   = ["patches/*.rpm"]
  targets = [machine.erp]
}

patch "august-cumulative" {
  files   = ["patches/*.msu"] # several are checkpoint updates
  targets = [machine.dc]

  backout {
    required = true # cannot be taken out: fail
  }
}

patch "defender" {
  files   = ["patches/defender.cab"]
  targets = [machine.dc]
}

patch "office-2016" {
  files   = ["patches/office2016-kb5002138.msp"]
  targets = [machine.dc]
}

patch "ledger" {
  files   = ["patches/ledger-4.2.msi"]
  args    = ["ALLUSERS=1"]
  targets = [machine.dc]
}

patch "agent" {
  files   = ["patches/agent-setup.exe"]
  args    = ["/S", "/KEY=${var.password}"]
  confirm = "if ((Get-Item C:\\Agent\\agent.exe).VersionInfo.FileVersion -ne '4.2') { exit 1 }"
  targets = [machine.dc]

  backout {
    script = "patches/remove-agent.ps1"
    args   = ["-Quiet"]
  }
}

# Packages by name: "patchlab bundle" fetches them for these machines, here
# into bundles/openssl beside this file.
patch "openssl" {
  packages = ["openssl", "libssl3:amd64", "apache2=2.4.62-1~deb12u2"]
  targets  = [machine.web]
}

patch "kernel" {
  packages = ["kernel"]
  manager  = "dnf"
  targets  = [machine.erp]

  expect {
    changes  = ["package:kernel*", "os"]
    severity = "warning"
  }
}

patch "glibc" {
  packages = ["glibc=2.31-150300.63.1"]
  manager  = "zypper"
  bundle   = "bundles/glibc-sp5"
  targets  = [machine.erp]
}

patch "migrate" {
  script  = "patches/migrate.sh"
  confirm = "test -e /srv/booking/migrated"
  targets = [machine.db]
  reboot  = "never"
  timeout = "10m"

  backout {
    script   = "patches/unmigrate.sh"
    required = true
  }
}

patch "rotate-keys" {
  script      = "patches/rotate.py"
  files       = ["patches/rotate.json"] # beside the script
  args        = ["--all"]
  interpreter = ["python3", "-u"]
  targets     = [machine.erp]
}

patch "app-settings" {
  replace "/etc/app/app.conf" {
    source = "files/app.conf"
    owner  = "root:www-data"
    mode   = "0640"
  }

  replace "/etc/app/workers.conf" { # owner and mode as they are
    source = "files/app.conf"
  }

  restart = ["app", "app-worker@1.service"]
  targets = [machine.web]
}
