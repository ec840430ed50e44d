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

check "package" {
  from = machine.m
  package {
    name      = "open ssl"
    installed = false
    version   = "3"
    at_least  = "3 or so"
  }
}
check "process" {
  from = machine.m
  process {
    name  = ""
    count = -1
  }
}
check "listen" {
  from = machine.m
  listen {
    port     = 0
    protocol = "TCP"
    address  = "localhost"
  }
}
check "file" {
  from = machine.m
  file {
    path   = "etc/passwd"
    type   = "dir"
    sha256 = "abc"
    mode   = "0999"
    size   = "1MiB"
  }
}
check "file absent" {
  from = machine.m
  file {
    path    = "/etc/nologin"
    exists  = false
    content = "x"
    mode    = "0644"
  }
}
check "file on windows" {
  from = machine.win
  file {
    path = "/etc/passwd"
    mode = "0644"
  }
}
check "mount" {
  from = machine.m
  mount {
    path    = "/srv"
    options = "rw"
  }
}
check "disk" {
  from = machine.m
  disk { path = "/" }
}
check "disk percent" {
  from = machine.win
  disk {
    path                = "C:\\"
    free_percent        = { min = 101 }
    free_inodes_percent = { min = 1 }
  }
}
check "user" {
  from = machine.m
  user {
    name   = "anna"
    exists = false
    uid    = -1
    home   = "home/anna"
  }
}
check "group" {
  from = machine.win
  group {
    name    = "sudo"
    gid     = 1
    members = ["a\nb"]
  }
}
check "version" {
  from = machine.m
  package {
    name     = "openssl"
    at_least = 3.10
  }
}
check "free" {
  from = machine.m
  disk {
    path         = "/"
    free_mib     = 512
    free_percent = 10.5
  }
}
