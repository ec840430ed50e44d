package guest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// memory is a machine with this much memory, in MiB, that writes down what is
// mounted.
func memory(t *testing.T, total, free, available int) *rooted {
	r := newRooted(t)
	r.file("/proc/sys/vm/drop_caches", "")
	r.file("/proc/meminfo", fmt.Sprintf("MemTotal: %d kB\nMemFree: %d kB\nBuffers: 1 kB\nMemAvailable: %d kB\n",
		total<<10, free<<10, available<<10))
	r.command("sync", `echo sync >>"$ROOT/calls"`)
	r.command("mount", `echo "mount $*" >>"$ROOT/calls"; touch "$ROOT/mounted"`)
	r.command("umount", `
[ -e "$ROOT/mounted" ] || exit 1
for last; do :; done
echo "umount after $(wc -c <"$last/zeros")" >>"$ROOT/calls"
rm -f "$last/zeros" "$ROOT/mounted"`)
	return r
}

func (r *rooted) wantTrimmed(calls ...string) {
	r.t.Helper()
	if got := strings.TrimSpace(strings.ReplaceAll(r.read("calls"), r.root, "")); got != strings.Join(calls, "\n") {
		r.t.Errorf("calls:\n%s, want:\n%s", got, strings.Join(calls, "\n"))
	}
	if r.exists("/run/patchlab/zeros") {
		r.t.Error("the folder is left")
	}
	if got := r.read("/proc/sys/vm/drop_caches"); got != "3\n" {
		r.t.Errorf("caches: %q", got)
	}
}

func TestTrim(t *testing.T) {
	r := memory(t, 512, 130, 128)
	if err := r.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wantTrimmed("sync", "mount -t tmpfs -o size=32768k,mode=0700,nosuid,nodev,noexec patchlab /run/patchlab/zeros",
		"umount after 33554432")
}

func TestTrimLeavesWhatIsNeeded(t *testing.T) {
	for name, m := range map[string][3]int{
		"small machine":  {256, 90, 200},
		"margin reached": {512, 400, 100},
		"big machine":    {65536, 2050, 60000},
		"unknown":        {512, 400, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := memory(t, m[0], m[1], m[2])
			if err := r.Trim(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.wantTrimmed("sync")
		})
	}
}

// TestTrimStopsWhereMemoryEnds has another process take all memory after the
// first piece.
func TestTrimStopsWhereMemoryEnds(t *testing.T) {
	r := memory(t, 512, 400, 128)
	r.command("dd", `/bin/dd "$@" && sed -i 's/^MemFree: .*/MemFree: 98304 kB/' "$ROOT/proc/meminfo"`)
	if err := r.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wantTrimmed("sync", "mount -t tmpfs -o size=32768k,mode=0700,nosuid,nodev,noexec patchlab /run/patchlab/zeros",
		"umount after 2097152")
}

func TestTrimCannotMount(t *testing.T) {
	r := memory(t, 512, 128, 128)
	r.command("mount", "echo 'mount: permission denied' >&2; exit 32")
	wantFault(t, r.Trim(t.Context()), `cannot trim the memory of machine "web": exit code 1: mount: permission denied`)
	if r.exists("/run/patchlab/zeros") {
		t.Error("the folder is left")
	}
}

func TestTrimInterrupted(t *testing.T) {
	r := memory(t, 512, 128, 128)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	r.command("dd", `touch "$ROOT/filling"; exec sleep 60`)
	go func() {
		for !r.exists("filling") && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel(why)
	}()
	if err := r.Trim(ctx); !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
	r.wantTrimmed("sync", "mount -t tmpfs -o size=32768k,mode=0700,nosuid,nodev,noexec patchlab /run/patchlab/zeros",
		"umount after 0")
}

func TestTrimAfterOneThatWasCutOff(t *testing.T) {
	r := memory(t, 512, 90, 90)
	r.folder("/run/patchlab/zeros")
	r.file("/run/patchlab/zeros/zeros", "00")
	r.file("mounted", "")
	if err := r.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wantTrimmed("umount after 2", "sync")
}
