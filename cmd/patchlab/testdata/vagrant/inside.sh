# Part of bench.sh: what is done in the namespaces, as their first process.
# Usage: inside.sh WORK VAGRANTFILE, with IMAGE, MACHINES, MEMORY_MIB and
# ACCEL in the environment. WORK is an empty folder, removed by the caller.
# shellcheck shell=bash
set -euo pipefail
exec 3>&1 1>&2
work=$1 vagrantfile=$2
pool=/var/lib/libvirt/images
export VAGRANT_HOME=$work/home/.vagrant.d VAGRANT_CHECKPOINT_DISABLE=1 VAGRANT_NO_COLOR=1
export VAGRANT_DEFAULT_PROVIDER=libvirt LIBVIRT_DEFAULT_URI=qemu:///system

die() { echo "bench.sh: $1" >&2; exit 1; }
say() { printf '+ %6.1f s %s\n' "$((${EPOCHREALTIME/./} - start))e-6" "$*" >&2; }
start=${EPOCHREALTIME/./}

# timed sets $taken to the seconds that a command took.
timed() {
  local began=${EPOCHREALTIME/./}
  "$@"
  printf -v taken %.3f "$((${EPOCHREALTIME/./} - began))e-6"
  say "$1: $taken s"
}

# each runs a command for every machine's number at the same time, and fails
# if one of them does.
each() {
  local i pids=() code=0
  for ((i = 1; i <= MACHINES; i++)); do "$@" "$i" & pids+=($!); done
  for i in "${pids[@]}"; do wait "$i" || code=$?; done
  return "$code"
}

v() { timeout --kill-after 10 900 vagrant "$@" </dev/null; }

own_world() {
  if mountpoint -q /sys; then umount --recursive --lazy /sys; fi
  mount -t sysfs sysfs /sys # which shows this namespace's bridge
  [ "$(ls /sys/class/net)" = lo ] || die "this is not a network of its own"
  ip link set lo up
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /run/lock "$work"/{home,tmp,project}
  local d
  for d in /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
    mkdir -p "$work/root$d"
    mount --bind "$work/root$d" "$d"
  done
}

own_libvirt() {
  echo 'auth_unix_rw = "none"' >/etc/libvirt/libvirtd.conf
  cat >/etc/libvirt/qemu.conf <<CONF
security_driver = "none"
cgroup_controllers = []
stdio_handler = "file"
CONF
  libvirtd >"$work/libvirtd.log" 2>&1 &
  local pid=$!
  until virsh version >/dev/null 2>&1; do
    kill -0 "$pid" || { cat "$work/libvirtd.log"; die "libvirtd ended"; }
    sleep 0.2
  done
  mkdir -p "$pool"
  virsh -q pool-define-as default dir --target "$pool"
  virsh -q pool-start default
}

# own_network is the one that Vagrant makes, but isolated.
own_network() {
  cat >"$work/network.xml" <<XML
<network>
  <name>vagrant-libvirt</name>
  <bridge name='vagrant0' stp='on' delay='0'/>
  <ip address='192.168.121.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.121.2' end='192.168.121.254'/></dhcp>
  </ip>
</network>
XML
  virsh -q net-define "$work/network.xml"
  virsh -q net-start vagrant-libvirt
}

# make_box makes IMAGE a box that Vagrant has already uploaded to libvirt.
make_box() {
  local box=$VAGRANT_HOME/boxes/bench/1.0.0/libvirt bytes
  v box list # which makes its home
  mkdir -p "$box"
  ln -s "$IMAGE" "$box/box.img"
  bytes=$(qemu-img info --output=json "$IMAGE" | sed -n 's/.*"virtual-size": \([0-9]*\).*/\1/p' | tail -n 1)
  printf '{"provider": "libvirt", "format": "qcow2", "virtual_size": %d}\n' \
    "$(((bytes + (1 << 30) - 1) >> 30))" >"$box/metadata.json"
  cp --sparse=always "$IMAGE" "$pool/bench_vagrant_box_image_1.0.0_box.img"
  chmod 644 "$pool/bench_vagrant_box_image_1.0.0_box.img"
}

# first_boot writes the data that patchlab gives its machines, as a disk in
# qcow2: an internal snapshot needs that of every disk.
first_boot() {
  local d=$work/cidata$1 mac=52:54:00:be:0c:0$1
  mkdir "$d"
  ssh-keygen -q -t ed25519 -N '' -C '' -f "$d/host"
  cat >"$d/user-data" <<DATA
#cloud-config
hostname: m$1
fqdn: m$1.bench.lan
manage_etc_hosts: localhost
preserve_hostname: false
users: [{name: root, lock_passwd: false}]
disable_root: false
ssh_pwauth: false
ssh_authorized_keys: ["$(cat "$work/key.pub")"]
ssh_deletekeys: true
ssh_keys:
  ed25519_private: |
$(sed 's/^/    /' "$d/host")
  ed25519_public: "$(cat "$d/host.pub")"
package_update: false
package_upgrade: false
DATA
  printf 'instance-id: i%s\nlocal-hostname: m%s\n' "$1" "$1" >"$d/meta-data"
  cat >"$d/network-config" <<DATA
version: 2
ethernets:
  nic0: {match: {macaddress: "$mac"}, dhcp4: true, dhcp6: false, dhcp-identifier: mac, link-local: [], accept-ra: false}
DATA
  truncate -s 2M "$d/raw"
  mkfs.vfat -n CIDATA "$d/raw" >/dev/null
  mcopy -i "$d/raw" "$d/user-data" "$d/meta-data" "$d/network-config" ::
  qemu-img convert -O qcow2 "$d/raw" "$pool/cidata$1.qcow2"
}

on() {
  ssh -F /dev/null -i "$work/key" -o BatchMode=yes -o ConnectTimeout=30 -o LogLevel=ERROR \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "root@${ips[$1]}" "$2"
}
address() {
  virsh domifaddr "project_m$1" | sed -n 's/.* \([0-9.]*\)\/[0-9]*$/\1/p'
}
answers() { until on "$1" true 2>/dev/null; do ((SECONDS < 1800)) || return 1; sleep 0.1; done; }
settled() { on "$1" 'cloud-init status --wait >/dev/null && sync && touch /run/before'; }
mark() { on "$1" 'touch /run/after /root/after && sync'; }
reverted() { on "$1" '[ -e /run/before ] && [ ! -e /run/after ] && [ ! -e /root/after ]'; }
version() { "$@" 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1; }

up() { v up; }
save() { v snapshot save ready; }
# Restoring as Vagrant's manual has it, and as fast as it can be made to go:
# one Vagrant for each machine, and a bridge without STP, which keeps a restored
# machine's port closed for four seconds.
restore() { v snapshot restore --no-provision ready && each answers; }
restore_one() { v snapshot restore --no-provision "m$1" ready && answers "$1"; }
restore_tuned() { each restore_one; }
destroy() { v destroy --force; } # in parallel, Vagrant trips over its own loading

own_world
own_libvirt
own_network
ssh-keygen -q -t ed25519 -N '' -C bench -f "$work/key"
cp -- "$vagrantfile" "$work/project/Vagrantfile"
cd "$work/project"
export KEY=$work/key
make_box
each first_boot
virsh -q pool-refresh default
# Not timed: QEMU's capabilities, and Vagrant's own files read once.
virsh domcapabilities >/dev/null
v status
say "prepared: $MACHINES machines of $MEMORY_MIB MiB, accel $ACCEL"

timed up; up_s=$taken
[ "$(virsh -q vol-list default | grep -c 'vagrant_box_image')" = 1 ] || die "Vagrant uploaded the box while timed"
ips=(none)
for ((i = 1; i <= MACHINES; i++)); do ips[i]=$(address "$i"); done
each settled
timed save; save_s=$taken
each mark
timed restore; restore_s=$taken
each reverted || die "the restore did not restore"
ip link set vagrant0 type bridge stp_state 0
each mark
timed restore_tuned; restore_tuned_s=$taken
each reverted || die "the second restore did not restore"
timed destroy; destroy_s=$taken
[ -z "$(virsh -q list --all)" ] || die "machines are left after destroy"

printf '{"up_s": %s, "snapshot_save_s": %s, "restore_s": %s, "restore_tuned_s": %s, "destroy_s": %s, "versions": {"vagrant": "%s", "vagrant-libvirt": "%s", "libvirt": "%s", "qemu": "%s"}}\n' \
  "$up_s" "$save_s" "$restore_s" "$restore_tuned_s" "$destroy_s" "$(version vagrant --version)" \
  "$(version dpkg-query -W vagrant-libvirt)" \
  "$(version libvirtd --version)" "$(version qemu-system-x86_64 --version)" >&3
