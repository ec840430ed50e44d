#!/usr/bin/env bash
# What somebody without patchlab writes: three machines from one image by
# plain QEMU, ready when SSH answers on all of them with first boot done.
# Usage: up3.sh IMAGE FOLDER
set -euo pipefail
image=$1 dir=$2
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true' EXIT

accel=tcg
if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then accel=kvm; fi
ssh-keygen -q -t ed25519 -N '' -f "$dir/key"

for i in 1 2 3; do
  mkdir "$dir/$i"
  cat >"$dir/$i/user-data" <<EOF
#cloud-config
disable_root: false
ssh_authorized_keys: ["$(cat "$dir/key.pub")"]
EOF
  printf 'instance-id: i%s\nlocal-hostname: m%s\n' "$i" "$i" >"$dir/$i/meta-data"
  printf 'version: 2\nethernets:\n  all:\n    match: {name: "e*"}\n    dhcp4: true\n' >"$dir/$i/network-config"
  truncate -s 2M "$dir/$i/cidata.img"
  mkfs.vfat -n CIDATA "$dir/$i/cidata.img" >/dev/null
  mcopy -i "$dir/$i/cidata.img" "$dir/$i/user-data" "$dir/$i/meta-data" "$dir/$i/network-config" ::
  qemu-img create -q -f qcow2 -b "$image" -F qcow2 "$dir/$i/disk.qcow2"
  port=$((20000 + RANDOM % 20000))
  qemu-system-x86_64 -machine q35,accel=$accel -cpu max -m 512 -display none \
    -serial "file:$dir/$i/console.log" \
    -drive "file=$dir/$i/disk.qcow2,if=virtio,cache=unsafe" \
    -drive "file=$dir/$i/cidata.img,if=virtio,format=raw,readonly=on" \
    -netdev "user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:$port-:22" \
    -device "virtio-net-pci,netdev=n" &
  pids+=($!)
  ports[i]=$port
done

for i in 1 2 3; do
  until ssh -i "$dir/key" -p "${ports[i]}" -o BatchMode=yes -o ConnectTimeout=5 \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
    root@127.0.0.1 'cloud-init status --wait >/dev/null' 2>/dev/null; do
    kill -0 "${pids[i - 1]}"
    ((SECONDS < 600)) || { tail -n 20 "$dir/$i/console.log"; exit 1; }
    sleep 0.5
  done
done
