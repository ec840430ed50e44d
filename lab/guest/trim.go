package guest

import (
	"context"
	"time"
)

// Trim makes the machine's memory small to keep: it writes out and drops the
// caches, and overwrites the memory that is free with zeros, which a file need
// not hold. What the machine's processes use it leaves alone. Errors are
// *lab.GuestError.
func (g *Guest) Trim(ctx context.Context) error {
	d, err := g.dialect()
	if err != nil {
		return err
	}
	// 32 MiB/s is a tenth of what a slow emulated processor writes.
	limit := 2*time.Minute + time.Duration(g.cfg.Machine.MemoryMiB/32)*time.Second
	return g.do(ctx, "trim the memory of", d.trim(), limit)
}

// trimScript takes only what is free after the caches are gone, never what
// the kernel would have to make free first: so it neither pushes out pages of
// programs nor makes the machine swap. It leaves the larger of 96 MiB and a
// 32nd of the memory, which covers the kernel's reserves, the bookkeeping of
// the file's own pages (a 400th) and what processes ask for meanwhile; and it
// looks again before each of 16 pieces, so that a process which grows meets an
// end of the filling and not the OOM killer. Should that come all the same,
// dd is what it takes first, and with that the memory is given back.
const trimScript = `
zeros=$run/zeros
room() {
	total=0 free=0 available=0
	while read -r key value unit; do
		case $key in
		MemTotal:) total=$value ;;
		MemFree:) free=$value ;;
		MemAvailable:) available=$value ;;
		esac
	done <"$root/proc/meminfo"
	margin=98304
	[ $((total / 32)) -le "$margin" ] || margin=$((total / 32))
	[ "$free" -le "$available" ] || free=$available
	room=$((free - margin))
}
release() {
	trap '' HUP INT TERM # one that comes again must not end this
	[ -n "$mounted" ] || return 0
	mounted=
	umount "$zeros" || umount -l "$zeros" && rmdir "$zeros"
}
drop() { echo 3 >"$root/proc/sys/vm/drop_caches"; }
set -e
umask 077
mkdir -p "$run"
if [ -d "$zeros" ]; then # of a trim that was cut off
	umount "$zeros" 2>/dev/null || true
	rmdir "$zeros"
fi
sync
drop
room
piece=$((room / 16 / 1024)) # MiB
if [ "$piece" -gt 0 ]; then
	mounted=
	trap release EXIT
	trap "trap '' HUP INT TERM; exit 130" HUP INT TERM
	mkdir "$zeros"
	mounted=1
	mount -t tmpfs -o "size=${room}k,mode=0700,nosuid,nodev,noexec" patchlab "$zeros" || { mounted=; rmdir "$zeros"; exit 1; }
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		room
		[ $((piece * 1024)) -le "$room" ] || break
		sh -c '{ echo 1000 >"$1/proc/self/oom_score_adj"; } 2>/dev/null
			exec dd if=/dev/zero bs=1048576 count="$2"' sh "$root" "$piece" >>"$zeros/zeros" 2>/dev/null || break
	done
	release
fi
drop`

func (l linux) trim() string { return l.script(trimScript) }
