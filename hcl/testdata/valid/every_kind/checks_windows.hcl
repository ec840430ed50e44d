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
