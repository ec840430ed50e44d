#!/bin/sh
# The image's first boot: it is process 1 of the machine itself, which has a
# disk to install a boot loader on. It has no network. ESP_ID and TOKEN stand
# in its environment (the kernel's command line).
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# From memory, since a running script keeps the root file system busy.
if [ "$0" != /run/patchlab-finish ]; then
	cp "$0" /run/patchlab-finish
	exec /bin/sh /run/patchlab-finish
fi
exec </dev/console >/dev/console 2>&1
finish() {
	set -eu
	mkfs.vfat -F 32 -i "$ESP_ID" -n EFI /dev/vda2
	mount -t vfat /dev/vda2 /boot/efi
	grub-install --target=i386-pc /dev/vda
	grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram
	update-grub
	umount /boot/efi
	rm -f /patchlab-finish
	sync
}
# Not "finish || …": that would switch off "set -e" inside it.
(finish)
status=$?
echo "patchlab-finish $TOKEN $status"
mount -o remount,ro /
sync
echo o >/proc/sysrq-trigger
sleep 60
