package night

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

func TestHolder(t *testing.T) {
	for text, want := range map[string]string{
		"12 2026-03-01T22:04:05Z\n":        " (pid 12 since 2026-03-01 22:04)",
		"":                                 "",
		"12":                               "",
		"\x1b[31m 12":                      "",
		"12 \x1b]0;title\a":                "",
		"-7 yesterday":                     "",
		"\xff\xfe":                         "",
		strings.Repeat("9", 1<<20) + " 12": "",
	} {
		path := filepath.Join(t.TempDir(), "lock")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := holder(path); got != want {
			t.Errorf("%.20q: got %q, want %q", text, got, want)
		}
	}
	if got := holder(filepath.Join(t.TempDir(), "none")); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestLocks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	one, busy, err := lockLabs(t.Context(), dir, []string{"/x", "/y"}, t0)
	if err != nil || len(busy) != 0 {
		t.Fatal(busy, err)
	}
	two, busy, err := lockLabs(t.Context(), dir, []string{"/y", "/z"}, t0)
	if err != nil || len(busy) != 1 || !strings.Contains(busy["/y"], fmt.Sprint(os.Getpid())) {
		t.Fatal(busy, err)
	}
	for _, l := range []*locks{one, two} {
		if err := l.release(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "locks")); !errors.Is(err, os.ErrNotExist) {
		t.Error("locks are left")
	}
}

// However many come and go, a lab is one night's.
func TestLocksRace(t *testing.T) {
	dir := t.TempDir()
	var inside, held atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 30 {
				l, busy, err := lockLabs(t.Context(), dir, []string{"/x"}, t0)
				if err != nil {
					t.Error(err)
					return
				}
				if len(busy) == 0 {
					held.Add(1)
					if inside.Add(1) != 1 {
						t.Error("two hold it")
					}
					inside.Add(-1)
				}
				if err := l.release(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if held.Load() == 0 {
		t.Error("nobody held it")
	}
}

func TestLockFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := lockLabs(t.Context(), filepath.Join(file, "below"), []string{"/x"}, t0)
	if _, ok := errors.AsType[*lab.HostError](err); !ok {
		t.Errorf("got %v", err)
	}
	dir := t.TempDir() // the second lock cannot be made
	if err := os.MkdirAll(filepath.Join(dir, "locks", labID("/y")), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err = lockLabs(t.Context(), dir, []string{"/x", "/y"}, t0); err == nil {
		t.Fatal("it locked a folder")
	}
	l, busy, err := lockLabs(t.Context(), dir, []string{"/x"}, t0)
	if err != nil || len(busy) != 0 {
		t.Fatalf("the first was not let go: %v, %v", busy, err)
	}
	if err := l.release(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := lockLabs(ctx, dir, []string{"/x"}, t0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestReadState(t *testing.T) {
	good := fmt.Sprintf(`{"version":1,"lab_dir":"/x","started":%q}`, t0.Format(time.RFC3339Nano))
	for _, tt := range []struct {
		name, text string
		after      time.Duration
		there, bad bool
	}{
		{"there", good, time.Hour, true, false},
		{"at once", good, 0, true, false},
		{"nearly old", good, 20*time.Hour - 1, true, false},
		{"old", good, 20 * time.Hour, true, false},
		{"of the future", good, -1, true, false},
		{"of a folder that has another name by now", strings.Replace(good, "/x", "/y", 1), 0, true, false},
		{"told to nobody", strings.Replace(good, "}", `,"over":true}`, 1), 0, true, false},
		{"newer", strings.Replace(good, ":1", ":2", 1), 0, false, true},
		{"empty", "", 0, false, true},
		{"torn", good[:20], 0, false, true},
		{"odd", "[1]", 0, false, true},
		{"huge", strings.Repeat(" ", maxState+1), 0, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(statePath(dir, "/x"), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := readState(dir, "/x", t0.Add(tt.after))
			if (s != nil) != tt.there || (err != nil) != tt.bad {
				t.Errorf("got %v, %v", s, err)
			}
			if s != nil && s.stale != slices.Contains([]string{"old", "of the future", "told to nobody"}, tt.name) {
				t.Errorf("stale: %v", s.stale)
			}
			if s != nil && !s.cutOff {
				t.Error("it is not known as another's")
			}
		})
	}
	if s, err := readState(t.TempDir(), "/x", t0); s != nil || err != nil {
		t.Errorf("got %v, %v", s, err)
	}
}
