# Writes the tree $1 as an ext4 file system into the disk that is open for
# reading and writing as standard input. A descriptor, since the root of a
# user namespace cannot walk into the caller's own folders; this one, since
# mmdebstrap fails when it inherits further ones. UUID, OFFSET (bytes), BLOCKS
# (4 KiB) and FINISH (a script) come from the environment.
set -eu
root=$1
rm -f "$root/patchlab-vmlinuz" "$root/patchlab-initrd"
printf '%s\n' "$FINISH" >"$root/patchlab-finish"
chmod 0755 "$root/patchlab-finish"
# A plain bind shows the tree without what is mounted on /proc, /sys and /dev.
tree=$root/mnt
mount --bind "$root" "$tree"
mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
# Features by name: a newer host's defaults are unknown to the machine's GRUB.
mke2fs -q -F -t ext4 -b 4096 -U "$UUID" -L root \
	-O none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum \
	-E "offset=$OFFSET,lazy_itable_init=0,lazy_journal_init=0" \
	-d "$tree" /proc/self/fd/0 "$BLOCKS"
umount "$tree/tmp" "$tree"
