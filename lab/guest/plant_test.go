package guest

import (
	"errors"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

const testNonce = "9f86d081884c7d659a2feaa0c55ad015"

func TestPlant(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ramfs"} {
		r := newRooted(t)
		r.command("stat", "echo "+kind)
		r.file("/var/lib/patchlab/marker-1", "")
		r.file("/run/patchlab/marker-2", "")
		r.file("/run/patchlab/nonce", "old")
		if err := r.Plant(t.Context(), testNonce); err != nil {
			t.Fatal(err)
		}
		if got := r.read("/run/patchlab/nonce"); got != testNonce+"\n" {
			t.Errorf("nonce %q", got)
		}
		if r.exists("/var/lib/patchlab/marker-1") || r.exists("/run/patchlab/marker-2") {
			t.Error("a marker is left")
		}
	}
}

func TestPlantOnDisk(t *testing.T) {
	r := newRooted(t)
	r.command("stat", "echo ext2/ext3")
	err := r.Plant(t.Context(), testNonce)
	if _, ok := errors.AsType[*lab.GuestError](err); !ok || !strings.HasSuffix(err.Error(), "/run/patchlab is on ext2/ext3, not in memory") {
		t.Errorf("error %v", err)
	}
	if r.exists("/run/patchlab/nonce") {
		t.Error("the nonce was written all the same")
	}
}

func TestPlantRefusesWhatIsNoNonce(t *testing.T) {
	s := newServer(t)
	for _, nonce := range []string{"", "short", "with space", "with\nline", strings.Repeat("a", 129)} {
		if err := s.guest(nil).Plant(t.Context(), nonce); err == nil {
			t.Errorf("%q was taken", nonce)
		}
	}
	if n := s.dials.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}
