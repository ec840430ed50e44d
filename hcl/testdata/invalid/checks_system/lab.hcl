lab "t" {}

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

check "sysctl" {
  from = machine.m
  sysctl {
    name  = "net ipv4"
    value = ""
  }
}
check "sysctl without" {
  from = machine.m
  sysctl { name = "net.ipv4.ip_forward" }
}
check "task" {
  from = machine.m
  task { name = "certbot" }
}
check "task on windows" {
  from = machine.win
  task {
    name        = "Backup\\Nightly"
    last_result = "ok"
  }
}
check "log" {
  from = machine.m
  log {
    priority = "error"
    ignore   = ["(", "", "ok"]
  }
}
check "log on windows" {
  from = machine.win
  log { priority = "err" }
}
check "reboot" {
  from = machine.m
  reboot { pending = "no" }
}
check "registry" {
  from = machine.win
  registry {
    key    = "HKEY_LOCAL_MACHINE\\SOFTWARE\\App"
    exists = false
    value  = "1"
  }
}
check "hotfix" {
  from = machine.win
  hotfix { id = "kb5041160" }
}
check "iis" {
  from = machine.win
  iis_site {
    name  = "Default Web Site"
    state = "started"
  }
}
check "feature" {
  from = machine.win
  feature {}
}
check "linux" {
  from = machine.m
  any {
    registry { key = "HKLM:\\SOFTWARE" }
    hotfix { id = "KB5041160" }
    iis_site { name = "a" }
    feature { name = "DNS" }
  }
}
check "windows" {
  from = machine.win
  mount { path = "C:\\srv" }
}
