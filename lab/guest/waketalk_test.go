package guest

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// slowMachine answers the talk as the script does; each step takes time.
type slowMachine struct {
	ahead    time.Duration // of its clock
	set, get time.Duration // how long after the time came it is set, and read
	back     time.Duration // how long the answer takes
	whole    bool
	stuck    bool // does not take the time
}

// run is the conversation; its number of rounds is returned.
func (m *slowMachine) run(t *testing.T, talk *wakeTalk) (rounds int) {
	t.Helper()
	_, _ = io.WriteString(talk, "patchlab: nonce n\npatchlab: ready\n")
	line := make([]byte, 100)
	for {
		n, err := talk.Read(line)
		if err != nil {
			return rounds
		}
		rounds++
		var sec, nano int64
		if _, err := fmt.Sscanf(string(line[:n]), "%d.%09d\n", &sec, &nano); err != nil {
			t.Fatal(err)
		}
		time.Sleep(m.set)
		word := "exact"
		if m.whole {
			word, nano = "whole", 0
		}
		if !m.stuck {
			m.ahead = time.Until(time.Unix(sec, nano))
		}
		time.Sleep(m.get)
		now := time.Now().Add(m.ahead)
		text := fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond())
		if m.whole {
			text = fmt.Sprintf("%d.%%N", now.Unix())
		}
		time.Sleep(m.back)
		_, _ = fmt.Fprintf(talk, "patchlab: %s %s\n", word, text)
	}
}

func TestTheClockIsRightInTheEnd(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		machine slowMachine
		rounds  int
		err     string
	}{
		"fast":                  {slowMachine{ahead: -time.Hour, set: 30 * ms, get: 30 * ms, back: 10 * ms}, 1, ""},
		"slow":                  {slowMachine{ahead: -time.Hour, set: 400 * ms, get: 300 * ms, back: 100 * ms}, 1, ""},
		"very slow":             {slowMachine{set: 1200 * ms, get: 300 * ms, back: 100 * ms}, 2, ""},
		"slow to read":          {slowMachine{set: 100 * ms, get: 1800 * ms, back: 10 * ms}, 1, ""},
		"whole seconds":         {slowMachine{ahead: time.Hour, set: 30 * ms, get: 30 * ms, back: 10 * ms, whole: true}, 2, ""},
		"whole seconds, slow":   {slowMachine{ahead: time.Hour, set: 300 * ms, get: 300 * ms, back: 10 * ms, whole: true}, 2, ""},
		"stuck":                 {slowMachine{ahead: -time.Hour, set: 30 * ms, get: 30 * ms, back: 10 * ms, stuck: true}, 4, "off by -59m59."},
		"too slow to be judged": {slowMachine{set: 10 * time.Second, get: time.Second, back: 10 * time.Second}, 12, "too slowly"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(700 * ms) // not at a full second
				talk := newWakeTalk("n", time.Now)
				rounds := c.machine.run(t, talk)
				w, ready, err := talk.result()
				if !w.NonceEqual || !ready || rounds != c.rounds {
					t.Errorf("%+v, ready %t, %d rounds, want %d", w, ready, rounds, c.rounds)
				}
				if c.err != "" {
					if err == nil || !strings.Contains(err.Error(), c.err) {
						t.Errorf("error %v, want %q", err, c.err)
					}
					return
				}
				if err != nil || c.machine.ahead.Abs() > clockSure {
					t.Errorf("off by %s, seen as %s; error %v", c.machine.ahead, w.Offset, err)
				}
			})
		})
	}
}

func FuzzWakeTalk(f *testing.F) {
	f.Add("patchlab: nonce n\npatchlab: marker marker-1\npatchlab: ready\n", "patchlab: exact 1700000000.000000001\n")
	f.Add("noise\npatchlab: ready\npatchlab: ready\n", "patchlab: whole 1700000000.%N\n")
	f.Add("patchlab: marker \x1b[2J\xff\npatchlab: ready\n", "patchlab: exact 99999999999.000000000\n")
	f.Add(strings.Repeat("x", 2000), "patchlab: exact -1.000000000\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		talk := newWakeTalk("n", func() time.Time { return time.Unix(1700000000, 0) })
		close(talk.over) // nothing is waited for
		for _, text := range []string{before, after, after, after, after, after} {
			_, _ = io.WriteString(talk, text)
			for len(talk.tell) > 0 && !talk.ended {
				<-talk.tell // as Read does
				talk.clock.send(talk.now())
			}
		}
		w, _, err := talk.result()
		if len(w.Markers) > maxMarkers || len(talk.pending) > maxLine || talk.clock.rounds > slowRounds {
			t.Errorf("%d markers, %d bytes, %d rounds", len(w.Markers), len(talk.pending), talk.clock.rounds)
		}
		for _, m := range w.Markers {
			if m != lab.Printable(m, 80) {
				t.Errorf("marker %q", m)
			}
		}
		if err == nil && w.Offset.Abs() > clockGood {
			t.Errorf("offset %s is no error", w.Offset)
		}
	})
}
