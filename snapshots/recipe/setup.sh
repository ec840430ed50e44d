# Turns a bare Debian tree into a machine of a lab. mmdebstrap runs it with
# "sh -c" as root of the tree's user namespace; $1 is the tree. UUID and ESP_ID
# come from the environment.
set -eu
root=$1

put() { # put PATH: standard input becomes the file, with its directory
	mkdir -p "$root${1%/*}"
	cat >"$root$1"
	chmod 0644 "$root$1"
}
mask() { ln -sf /dev/null "$root/etc/systemd/system/$1"; }

# --- boot -------------------------------------------------------------------
put /etc/fstab <<FSTAB
# No check at boot: its journal is enough for a disk that is thrown away.
UUID=$UUID / ext4 errors=remount-ro 0 0
# The EFI system partition is needed by grub-install alone.
UUID=$(echo "$ESP_ID" | sed 's/^\(....\)/\1-/') /boot/efi vfat umask=0077,noauto 0 0
FSTAB
mkdir -p "$root/boot/efi"
# no_timer_check, as under KVM: on a busy host an emulated timer may miss the
# ticks that the kernel counts at its start, and it panics.
put /etc/default/grub <<'GRUB'
GRUB_DEFAULT=0
GRUB_TIMEOUT=1
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200 no_timer_check"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_DISABLE_OS_PROBER=true
GRUB_DISABLE_RECOVERY=true
GRUB

# Only what QEMU's disks need: a kernel update in a machine makes a new initial
# RAM disk, which takes minutes under emulation with every driver there is.
put /etc/initramfs-tools/conf.d/patchlab <<'INITRAMFS'
MODULES=list
INITRAMFS
cat >>"$root/etc/initramfs-tools/modules" <<'MODULES'
virtio_pci
virtio_blk
virtio_scsi
sd_mod
nvme
ext4
crc32c_generic
crc32c_intel
MODULES
chroot "$root" update-initramfs -u -k all

# --- identity: each clone gets its own ---------------------------------------
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_*
echo localhost >"$root/etc/hostname"
put /etc/hosts <<'HOSTS'
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
HOSTS
rm -f "$root/etc/resolv.conf"
ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
echo 'LANG=C.UTF-8' >"$root/etc/default/locale"
# A mirror's address may hold a password, which is nothing for clones.
for f in "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*; do
	if [ -f "$f" ]; then sed -i 's#://[^/@ ]*@#://#g' "$f"; fi
done

# --- access -------------------------------------------------------------------
chroot "$root" passwd -l root >/dev/null
put /etc/ssh/sshd_config.d/10-patchlab.conf <<'SSHD'
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
SSHD
chroot "$root" systemctl enable ssh.service systemd-networkd.service systemd-resolved.service >/dev/null 2>&1
put /etc/systemd/resolved.conf.d/patchlab.conf <<'RESOLVED'
[Resolve]
LLMNR=no
MulticastDNS=no
RESOLVED
# The lab's gateway answers at once; without one a boot must not hang for 2 min.
put /etc/systemd/system/systemd-networkd-wait-online.service.d/patchlab.conf <<'WAIT'
[Service]
ExecStart=
ExecStart=/lib/systemd/systemd-networkd-wait-online --timeout=30
WAIT

# Every card asks the lab's gateway; which one carries the default route is for
# the gateway to say. Written here and not by cloud-init, which takes 4 s for it
# under emulation.
put /etc/netplan/10-lab.yaml <<'NETPLAN'
network:
  version: 2
  renderer: networkd
  ethernets:
    lab:
      match: { name: "e*" }
      dhcp4: true
      dhcp6: false
      dhcp-identifier: mac
      link-local: []
      accept-ra: false
NETPLAN
chmod 0600 "$root/etc/netplan/10-lab.yaml"

# --- first boot -----------------------------------------------------------------
# Only what patchlab's own data uses: every module costs start-up time under
# emulation.
put /etc/cloud/cloud.cfg.d/90_patchlab.cfg <<'CLOUD'
datasource_list: [ NoCloud, None ]
datasource:
  NoCloud:
    fs_label: cidata
disable_root: false
ssh_pwauth: false
users: []
network:
  config: disabled
cloud_init_modules: [ write-files, set_hostname, update_etc_hosts, ssh ]
cloud_config_modules: []
cloud_final_modules: [ scripts-user ]
CLOUD
mask cloud-config.service
put /etc/cloud/ds-identify.cfg <<'DSID'
policy: enabled
DSID

# --- nothing happens behind a test's back ------------------------------------------
for unit in apt-daily.timer apt-daily-upgrade.timer apt-daily.service \
	apt-daily-upgrade.service unattended-upgrades.service man-db.timer \
	e2scrub_all.timer e2scrub_reap.service fstrim.timer; do
	mask "$unit"
done
echo 'man-db man-db/auto-update boolean false' | chroot "$root" debconf-set-selections
rm -f "$root/var/lib/man-db/auto-update"

# --- what mmdebstrap removes only after the hooks ----------------------------------
# Not /tmp: mmdebstrap's own apt configuration is there, and without it its
# apt would work on the host's lists.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin \
	"$root"/var/cache/apt/archives/*.deb "$root"/etc/apt/apt.conf.d/*mmdebstrap \
	"$root"/etc/dpkg/dpkg.cfg.d/*mmdebstrap
rm -f "$root"/var/log/dpkg.log "$root"/var/log/apt/* "$root/var/log/alternatives.log" \
	"$root/var/cache/ldconfig/aux-cache" "$root/run/mmdebstrap"
mkdir -p "$root/var/lib/apt/lists/partial"
# They keep services from starting in the tree; on a machine they would keep a
# patched service from being restarted, and hide what the patch broke.
rm -f "$root/usr/sbin/policy-rc.d"
if [ -e "$root/sbin/start-stop-daemon.REAL" ]; then
	mv -f "$root/sbin/start-stop-daemon.REAL" "$root/sbin/start-stop-daemon"
fi
# For the one boot that installs the boot loader: fetched, then removed again.
cp "$root"/boot/vmlinuz-* "$root/patchlab-vmlinuz"
cp "$root"/boot/initrd.img-* "$root/patchlab-initrd"
