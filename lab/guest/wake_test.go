package guest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

// fakeDate is a machine's clock: this host's, and $ROOT/offset seconds.
const fakeDate = `
real=$(/bin/date +%s.%N)
case "$*" in
"-u -s @"*)
	awk -v t="${3#@}" -v r="$real" 'BEGIN { printf "%.9f\n", t - r }' >"$ROOT/offset" ;;
+%s.%N) awk -v o="$(cat "$ROOT/offset")" -v r="$real" 'BEGIN { printf "%.9f\n", r + o }' ;;
*) exit 1 ;;
esac`

// newAsleep is a machine that was saved an hour ago.
func newAsleep(t *testing.T) *rooted {
	r := newRooted(t)
	r.command("date", fakeDate)
	r.command("stat", "echo tmpfs")
	r.file("/offset", "-3600\n")
	if err := r.Plant(t.Context(), testNonce); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWake(t *testing.T) {
	r := newAsleep(t)
	w, err := r.Wake(t.Context(), Waking{Nonce: testNonce, Marker: "0123456789abcdef"})
	if err != nil {
		t.Fatal(err)
	}
	if !w.NonceEqual || len(w.Markers) != 0 || w.Offset.Abs() > clockGood {
		t.Errorf("%+v", w)
	}
	if got := r.read("/offset"); strings.HasPrefix(got, "-3600") {
		t.Error("the clock was not set")
	}
	if !r.exists("/var/lib/patchlab/marker-0123456789abcdef") || !r.exists("/run/patchlab/marker-0123456789abcdef") {
		t.Error("no marker")
	}
	r.file("/run/patchlab/marker-x\x1b[2Jy\nz", "")
	r.file("/run/patchlab/nonce", "another\n")
	w, err = r.Wake(t.Context(), Waking{Nonce: testNonce})
	want := []string{"marker-0123456789abcdef", "marker-xy"}
	if err != nil || w.NonceEqual || !slices.Equal(w.Markers, want) {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestWakeOfAnotherMachine(t *testing.T) {
	r := newRooted(t)
	r.command("date", fakeDate)
	r.file("/offset", "0\n")
	w, err := r.Wake(t.Context(), Waking{Marker: "0123456789abcdef"})
	if err != nil || w.NonceEqual {
		t.Errorf("%+v, %v", w, err)
	}
	if !r.exists("/var/lib/patchlab/marker-0123456789abcdef") {
		t.Error("no marker")
	}
}

// TestWakeWithoutFractions has a date like BusyBox's: whole seconds only.
func TestWakeWithoutFractions(t *testing.T) {
	r := newAsleep(t)
	r.command("date", strings.ReplaceAll(`case "$3" in *.*) exit 1 ;; esac
(`+fakeDate+`) | cut -d. -f1`, `printf "%.9f\n", r + o`, `printf "%d\n", r + o`))
	w, err := r.Wake(t.Context(), Waking{Nonce: testNonce})
	if err != nil || !w.NonceEqual || w.Offset.Abs() > clockGood {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestWakeFaults(t *testing.T) {
	t.Run("clock", func(t *testing.T) {
		r := newAsleep(t)
		r.command("date", "echo 'date: cannot set date' >&2; exit 1")
		w, err := r.Wake(t.Context(), Waking{Nonce: testNonce})
		wantFault(t, err, `cannot set the clock of machine "web": exit code 4: date: cannot set date`)
		if !w.NonceEqual {
			t.Error("the nonce is not told")
		}
	})
	t.Run("clock that stays", func(t *testing.T) {
		r := newAsleep(t)
		r.command("date", `[ "$1" = -u ] || echo 1000000000.000000000`)
		_, err := r.Wake(t.Context(), Waking{Nonce: testNonce})
		if err == nil || !strings.HasSuffix(err.Error(), "after it was set 4 times") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("marker", func(t *testing.T) {
		r := newAsleep(t)
		r.folder("/var/lib/patchlab/marker-0123456789abcdef")
		_, err := r.Wake(t.Context(), Waking{Nonce: testNonce, Marker: "0123456789abcdef"})
		if e, ok := errors.AsType[*lab.GuestError](err); !ok || e.Op != "leave a marker on" {
			t.Errorf("error %v", err)
		}
	})
	t.Run("bad marker", func(t *testing.T) {
		if _, err := newServer(t).guest(nil).Wake(t.Context(), Waking{Marker: "../../etc/x"}); err == nil {
			t.Error("no error")
		}
	})
}

// TestWakeOfALiar has machines answer what no script of ours says.
func TestWakeOfALiar(t *testing.T) {
	flood := strings.Repeat("patchlab: marker "+strings.Repeat("x", 70)+"\n", 30000)
	for name, c := range map[string]struct{ text, err string }{
		"nothing":        {"", "does not say what is asked"},
		"garbage":        {"\x00\xff\n\n", "does not say what is asked"},
		"huge":           {flood + strings.Repeat("y", 3<<20) + "\n", "does not say what is asked"},
		"no time":        {"patchlab: ready\n", "did not answer the time"},
		"unasked":        {"patchlab: exact 1.000000000\npatchlab: ready\n", "did not answer the time"},
		"negative":       {"patchlab: ready\nWAITpatchlab: exact -5.000000000\n", `gives its time as "-5.000000000"`},
		"escapes":        {"patchlab: ready\nWAITpatchlab: exact \x1b[2J\x00\n", `gives its time as "\x00"`},
		"end of time":    {"patchlab: ready\nWAITpatchlab: exact 99999999999.000000000\n", "did not answer"},
		"end, for ever":  {"patchlab: ready\n" + strings.Repeat("WAITpatchlab: exact 99999999999.000000000\n", 9), "off by 2562047h47m16"},
		"start of times": {"patchlab: ready\n" + strings.Repeat("WAITpatchlab: exact 0.000000000\n", 9), "off by -"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.answer = func(_ *serverConn, _ string, ch ssh.Channel) bool {
				for i, part := range strings.Split(c.text, "WAIT") {
					if i > 0 {
						_, _ = ch.Read(make([]byte, 100))
					}
					_, _ = io.WriteString(ch, part)
				}
				exit(ch, 0)
				return true
			}
			w, err := s.guest(nil).Wake(t.Context(), Waking{Nonce: testNonce})
			if _, ok := errors.AsType[*lab.GuestError](err); !ok || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %.300v, want %q", err, c.err)
			}
			if w.NonceEqual || len(w.Markers) > 1 || name == "unasked" && w.Offset != 0 {
				t.Errorf("%+v", w)
			}
		})
	}
}

func TestWakeEndsWithContext(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	s.answer = func(_ *serverConn, command string, ch ssh.Channel) bool {
		_, _ = io.WriteString(ch, "patchlab: ready\n")
		_, _ = ch.Read(make([]byte, 100))
		cancel(why)
		_, _ = io.Copy(io.Discard, ch)
		return true
	}
	if _, err := s.guest(nil).Wake(ctx, Waking{}); err != why { //nolint:errorlint // the very error
		t.Errorf("error %v", err)
	}
}
