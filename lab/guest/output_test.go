package guest

import (
	"bytes"
	"errors"
	"testing"
)

func TestHeadTailKeepsBothEnds(t *testing.T) {
	for _, size := range []int{0, 1, keepBytes / 2, keepBytes/2 + 1, keepBytes - len(cutMark), keepBytes - len(cutMark) + 1, keepBytes, 3*keepBytes + 7} {
		for _, piece := range []int{1 << 20, 32 << 10, 1000, 131} {
			all := make([]byte, size)
			for i := range all {
				all[i] = byte(i*7 + i>>8*13)
			}
			var h headTail
			for b := all; len(b) > 0; {
				n := min(piece, len(b))
				h.write(b[:n])
				b = b[n:]
			}
			checkKept(t, &h, all)
		}
	}
}

func checkKept(t *testing.T, h *headTail, all []byte) {
	t.Helper()
	got := h.bytes()
	if len(got) > keepBytes {
		t.Fatalf("%d bytes kept of %d", len(got), len(all))
	}
	if !h.cut() {
		if !bytes.Equal(got, all) {
			t.Fatalf("%d bytes changed", len(all))
		}
		return
	}
	head, tail := all[:keepBytes/2], all[len(all)-(keepBytes/2-len(cutMark)):]
	if want := append(append(bytes.Clone(head), cutMark...), tail...); !bytes.Equal(got, want) {
		t.Fatalf("of %d bytes not head, mark and tail were kept", len(all))
	}
}

type failing struct{ after int }

func (f *failing) Write(b []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errors.New("no space left")
	}
	return len(b), nil
}

func TestSinkDrainsPastFailingWriter(t *testing.T) {
	s := &sink{to: &failing{after: 1}}
	for range 3 {
		if n, err := s.Write([]byte("abc")); n != 3 || err != nil {
			t.Fatal(n, err)
		}
	}
	kept, _, err := s.finish()
	if string(kept) != "abcabcabc" || err == nil {
		t.Errorf("kept %q, error %v", kept, err)
	}
	if _, _ = s.Write([]byte("late")); s.total() != 9 {
		t.Error("a write after the end was kept")
	}
}

func TestAnnouncement(t *testing.T) {
	for _, c := range []struct {
		name   string
		pieces []string
		out    string
		pid    int
	}{
		{"alone", []string{"m-42\n"}, "", 42},
		{"with output", []string{"m-42\nerror: x\n"}, "error: x\n", 42},
		{"in pieces", []string{"m", "-4", "2", "\n", "x"}, "x", 42},
		{"after a login shell's noise", []string{"stty: no tty\nm-42\nx"}, "stty: no tty\nx", 42},
		{"never", []string{"bash: sh: not found\n"}, "bash: sh: not found\n", 0},
		{"not a number", []string{"m-rm\nx"}, "x", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			a := announcement{mark: "m-", to: &b}
			for _, p := range c.pieces {
				_, _ = a.Write([]byte(p))
			}
			a.flush()
			if b.String() != c.out || a.pid() != c.pid {
				t.Errorf("output %q, pid %d; want %q, %d", b.String(), a.pid(), c.out, c.pid)
			}
		})
	}
}

func TestAnnouncementDoesNotHoldAFlood(t *testing.T) {
	var b bytes.Buffer
	a := announcement{mark: "m-", to: &b}
	_, _ = a.Write(make([]byte, maxBefore))
	if b.Len() != maxBefore {
		t.Errorf("%d bytes passed on, want %d", b.Len(), maxBefore)
	}
}
