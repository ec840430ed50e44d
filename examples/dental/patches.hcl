# The booking site's own updates. build.sh makes them; fetch-updates.sh fetches
# Debian's, which are then named by their folder:
#   patchlab test examples/dental FOLDER --target web

patch "booking-good" {
  files   = ["patches/good/*.deb"]
  targets = [machine.web]
  reboot  = "auto"
}

# Installs cleanly; the page fails afterwards.
patch "booking-broken" {
  files   = ["patches/broken/*.deb"]
  targets = [machine.web]
  reboot  = "auto"
}
