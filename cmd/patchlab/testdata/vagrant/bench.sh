#!/usr/bin/env bash
# What somebody with Vagrant and vagrant-libvirt waits for: the same machines
# brought up, saved, restored and destroyed. The times go to stdout as one
# JSON object, in seconds, all else to stderr.
# Usage: bench.sh IMAGE MACHINES MEMORY_MIB
#
# IMAGE is a qcow2 disk that does its first boot by cloud-init's NoCloud data
# and lets root in by key; it is only read. Everything happens in namespaces
# of its own: no packet leaves, the host's libvirt, networks and firewall are
# not touched, and all processes end with this script, even by kill -9.
# Its folder, 3 GB, is made in $TMPDIR or /var/tmp, and remains after kill -9.
# $PATCHLAB_ACCEL (kvm, tcg) is obeyed as patchlab does.
# Exit codes: 2 usage, or not root; 3 something is not installed.
set -euo pipefail

die() { echo "bench.sh: $2" >&2; exit "$1"; }

[ $# -eq 3 ] || die 2 "usage: bench.sh IMAGE MACHINES MEMORY_MIB"
image=$(realpath -e -- "$1") || die 2 "no image $1"
machines=$2 memory=$3
[[ $machines =~ ^[1-9]$ ]] || die 2 "MACHINES is $machines: want 1 to 9"
[[ $memory =~ ^[1-9][0-9]{2,5}$ ]] || die 2 "MEMORY_MIB is $memory: want 100 to 999999"
[ "$(id -u)" = 0 ] || die 2 "needs root, for namespaces, libvirtd and a bridge"

PATH=$PATH:/usr/sbin:/sbin missing=
for tool in vagrant libvirtd virsh dnsmasq iptables qemu-system-x86_64 qemu-img \
  ip ssh ssh-keygen mkfs.vfat mcopy pgrep setpriv unshare; do
  command -v "$tool" >/dev/null || missing+=" $tool"
done
dpkg-query -W vagrant-libvirt >/dev/null 2>&1 || missing+=" vagrant-libvirt"
[ -z "$missing" ] || die 3 "no$missing: apt-get install --no-install-recommends vagrant vagrant-libvirt libvirt-daemon-system dnsmasq-base iptables qemu-system-x86 qemu-utils iproute2 openssh-client dosfstools mtools procps"

# The rule that patchlab goes by.
accel=${PATCHLAB_ACCEL:-tcg}
if [ -z "${PATCHLAB_ACCEL:-}" ] && [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then accel=kvm; fi

here=$(realpath -- "$(dirname -- "$0")")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/patchlab-vagrant.XXXXXX")
space=

# The first process of the namespace takes all others with it, and unshare
# returns when the last of them is gone.
# shellcheck disable=SC2317 # called by the trap
finish() {
  if [ -n "$space" ]; then
    init=$(pgrep -P "$space" || true)
    kill -KILL "${init:-$space}" 2>/dev/null || true
    wait "$space" 2>/dev/null || true
  fi
  rm -rf -- "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

setpriv --pdeathsig KILL \
  unshare --net --mount --ipc --uts --pid --fork --kill-child --mount-proc \
  env -i PATH="$PATH" LC_ALL=C.UTF-8 HOME="$work/home" TMPDIR="$work/tmp" \
  IMAGE="$image" MACHINES="$machines" MEMORY_MIB="$memory" ACCEL="$accel" \
  bash "$here/inside.sh" "$work" "$here/Vagrantfile" &
space=$!
code=0
wait "$space" || code=$?
space=
exit "$code"
