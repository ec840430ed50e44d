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

check "smtp" {
  smtp {
    host     = "m"
    security = "ssl"
    insecure = true
    password = "x"
    from     = "monitor"
    to       = "a b@c"
    deliver {
      host = "m"
    }
  }
}
check "smtp to" {
  smtp {
    host     = "m"
    security = "none"
    user     = "u"
    to       = "a@b"
  }
}
check "smtp from" {
  smtp {
    host = "m"
    from = "a@b"
    deliver {
      host     = "m"
      user     = "u"
      password = ""
    }
  }
}
check "imap" {
  imap {
    host     = "m"
    user     = "u\r\nLOGOUT"
    messages = { min = 5, max = 1 }
  }
}
check "pop3" {
  pop3 {
    host     = ""
    user     = "u"
    password = ["hunter2"]
    messages = 1.5
  }
}
check "ldap" {
  ldap {
    host    = "m"
    user    = "u"
    filter  = "(a=b)"
    entries = 1
  }
}
check "ldap base" {
  ldap {
    host       = "m"
    base       = "dc=x"
    filter     = "uid=anna"
    scope      = "tree"
    attributes = {}
  }
}
check "smb" {
  smb {
    host    = "m"
    share   = "scans\\2026"
    content = "x"
    domain  = "D"
  }
}
check "sql" {
  sql {
    driver   = "postgresql"
    host     = "m"
    port     = "x"
    user     = "u"
    security = "starttls"
    query    = " "
    rows     = ["a"]
    count    = {}
    value    = {}
  }
}
check "sql rows" {
  sql {
    driver = "mysql"
    host   = "m"
    rows   = [[1, [2]], null]
    count  = { minimum = 1 }
  }
}
