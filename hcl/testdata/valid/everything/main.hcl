lab "everything" {
  description = "lines\nof text"
  retention {
    runs = length(["a", "b"])
    days = "365"
  }
}

image "base" {
  build {
    distro    = "debian"
    release   = var.release
    pockets   = ["security", "release"]
    disk_size = "2.5GiB"
  }
}

image "desk" {
  source = "files/desk.vhdx"
  sha256 = upper(sha256("disk"))
  os     = "windows"
}

network "core" {
  subnet = local.subnet
}

network "lab-2" {
  subnet  = "172.16.0.0/30"
  gateway = "172.16.0.2"
  domain  = "two.example"
  mtu     = 9000
  routed  = false
}

machine "hub" {
  image        = image.base
  memory       = "1GiB"
  cpus         = 2
  firmware     = "uefi"
  boot_timeout = "90s"
  nic {
    network = network.core
    address = cidrhost(network.core.subnet, 5)
    mac     = "AA-00-00-00-00-01"
    names   = ["WWW", "a.b"]
  }
  nic {
    network = network.lab-2
    address = "172.16.0.1"
  }
  disk { size = "10GiB" }
  disk { size = "1TiB" }
  setup {
    run     = ["echo ${var.token}", local.login, "true"]
    timeout = "1h"
  }
}

machine "site" {
  for_each   = var.sites
  image      = image.desk
  bus        = "sata"
  nic_model  = "e1000e"
  depends_on = [machine.hub]
  impact     = each.key == "a" ? "low" : "normal"
  nic {
    network = network.core
    address = cidrhost(network.core.subnet, each.value.ip)
  }
}

machine "last" {
  image      = image.base
  depends_on = [machine.site, machine.hub]
  nic { network = network.core }
}

patch "script" {
  script  = "patches/fix.sh"
  files   = ["patches/*.txt"]
  args    = ["--token", var.token, ""]
  targets = [machine.site["a"], machine.hub, machine.site]
  reboot  = "never"
  timeout = "5m"
}

check "port" {
  for_each = toset([for p in var.ports : tostring(p)])
  tcp {
    host = local.address
    port = each.value
  }
}

check "page" {
  from     = network.lab-2
  severity = "warning"
  retries  = 0
  interval = "100ms"
  timeout  = "5s"
  http {
    url     = "http://${machine.hub.name}.${network.core.domain}/"
    method  = "POST"
    headers = { authorization = local.login }
    send    = jsonencode({ a = 1 })
    status  = var.status
    header  = { content-type = "text/", x-two = { regexp = "^a+$", not_contains = "b" } }
    redirects = 3
    insecure  = true
  }
}

check "command" {
  from = machine.site["b"]
  command {
    run       = "cat ${path.lab != "" ? "x" : "y"}"
    exit_code = 3
    stdout    = { equals = "ok", contains = var.token }
    stderr    = "warning"
  }
}

check "service" {
  from = machine.hub
  service {
    unit    = "ssh.service"
    active  = true
    enabled = false
  }
}

check "dns" {
  dns {
    name    = "www.core.lab"
    answers = []
    server  = machine.hub.address
    type    = "TXT"
  }
}

check "nxdomain" {
  dns {
    name  = "nothing.core.lab"
    rcode = "NXDOMAIN"
  }
}

check "banner" {
  tcp {
    host   = machine.site["a"].address
    port   = "22"
    send   = "hello\r\n"
    expect = { regexp = "^SSH-2.0" }
  }
}
