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

patch "names" {
  packages = ["-y", "open ssl", "openssl=", "openssl;id", "libc6:amd64:i386", "libc6-", "a=1-", "", 7, null, ["a"]]
  targets  = [machine.m]
}
patch "twice" {
  packages = ["openssl", "libc6:amd64", "libc6:i386", "openssl=3.0"]
  targets  = [machine.m]
}
patch "manager" {
  packages = ["openssl"]
  manager  = "zyper"
  targets  = [machine.m]
}
patch "manager-without" {
  files   = ["files/*.deb"]
  manager = "dnf"
  targets = [machine.m]
}
patch "text" {
  packages = "openssl"
  targets  = [machine.m]
}
patch "rpm" {
  packages = ["glibc:x86_64", "glibc=2.34-1.el9_4", "Foo_bar"]
  manager  = "dnf"
  targets  = [machine.m]
}
