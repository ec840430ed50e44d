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

patch "a" {
  packages = ["openssl"]
  targets  = [machine.m]
  expect {
    changes  = ["packages", "files:/etc/*", "wibble", "file:", "", "package:", "Package", "file:a\nb"]
    severity = "fatal"
  }
}
patch "b" {
  packages = ["openssl"]
  targets  = [machine.m]
  expect {}
}
