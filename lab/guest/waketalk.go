package guest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	maxMarkers = 20
	maxLine    = 1 << 10 // of what the machine says; longer lines are none
	// clockRounds is how often a clock that is wrong is set, slowRounds how
	// often one is that seems right, but tells so too slowly to be sure.
	clockRounds, slowRounds = 4, 12
	// clockGood is how far off the clock may seem, clockSure how far off it
	// may be at worst: the answer does not tell when it was given.
	clockGood = 500 * time.Millisecond
	clockSure = time.Second
	// maxLead is more than setting a clock ever takes.
	maxLead = 10 * time.Second
)

// wakeTalk is this host's side of Wake's command, whose output is written to
// it and whose input is read from it: it answers "ready" and each wrong time
// with the time at that moment. What the machine says is untrusted.
type wakeTalk struct {
	nonce string
	now   func() time.Time
	tell  chan struct{} // holds an entry when the time is to be told; closed when it is not any more
	over  chan struct{} // closed by Wake: nobody reads any more
	right chan struct{} // closed when the clock is right: all is said then

	mu      sync.Mutex
	pending []byte // an unfinished line
	long    bool   // the unfinished line is longer than maxLine
	woken   Woken
	ready   bool
	ended   bool  // tell is closed
	err     error // why the clock is not right; nil when it is
	clock   clock
}

func newWakeTalk(nonce string, now func() time.Time) *wakeTalk {
	return &wakeTalk{
		nonce: nonce, now: now,
		tell: make(chan struct{}, 1), over: make(chan struct{}), right: make(chan struct{}),
		err: errors.New("it did not answer the time that it was sent"),
	}
}

// result is what there is to say when the command has ended.
func (t *wakeTalk) result() (w Woken, ready bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.woken, t.ready, t.err
}

// Read implements io.Reader: a line with the time of its very return.
func (t *wakeTalk) Read(b []byte) (int, error) {
	select {
	case _, more := <-t.tell:
		if !more {
			return 0, io.EOF
		}
	case <-t.over:
		return 0, io.EOF
	}
	t.mu.Lock()
	pause := t.clock.pause(t.now())
	t.mu.Unlock()
	if pause > 0 {
		select {
		case <-time.After(pause):
		case <-t.over:
			return 0, io.EOF
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.clock.send(t.now())
	if len(b) < len(line) {
		return 0, io.ErrShortBuffer
	}
	return copy(b, line), nil
}

// Write implements io.Writer. It never fails and keeps at most a line.
func (t *wakeTalk) Write(b []byte) (int, error) {
	at := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for rest := b; len(rest) > 0; {
		part, after, whole := bytes.Cut(rest, []byte("\n"))
		rest = after
		if len(t.pending)+len(part) > maxLine {
			t.long = true
		} else {
			t.pending = append(t.pending, part...)
		}
		if !whole {
			break
		}
		if said, ok := strings.CutPrefix(string(t.pending), "patchlab: "); ok && !t.long {
			t.hear(said, at)
		}
		t.pending, t.long = t.pending[:0], false
	}
	return len(b), nil
}

// hear takes one line that arrived at the time at.
func (t *wakeTalk) hear(said string, at time.Time) {
	word, rest, _ := strings.Cut(said, " ")
	switch {
	case word == "exact" && t.clock.asked, word == "whole" && t.clock.asked:
		t.judge(word == "whole", rest, at)
	case t.ready: // all else comes before
	case word == "nonce":
		t.woken.NonceEqual = t.nonce != "" && rest == t.nonce
	case word == "marker":
		name := lab.Printable(rest, 80)
		if len(t.woken.Markers) < maxMarkers && !slices.Contains(t.woken.Markers, name) {
			t.woken.Markers = append(t.woken.Markers, name)
		}
	case word == "ready":
		t.ready = true
		t.tell <- struct{}{} // it is empty and not closed
	}
}

// judge compares the machine's clock with this host's, and has it set again
// where it is wrong.
func (t *wakeTalk) judge(whole bool, text string, at time.Time) {
	guest, unit, err := parseTime(text)
	if err != nil {
		t.end(err)
		return
	}
	offset, unsure := t.clock.offset(guest, unit, at, whole)
	t.woken.Offset = offset
	switch {
	case offset.Abs() <= clockGood && offset.Abs()+unsure <= clockSure:
		t.end(nil)
	case t.clock.rounds >= slowRounds && offset.Abs() <= clockGood:
		t.end(fmt.Errorf("it answers too slowly to know its time within %s", clockSure))
	case t.clock.rounds >= clockRounds && offset.Abs() > clockGood:
		t.end(fmt.Errorf("it is off by %s after it was set %d times", offset.Round(time.Millisecond), t.clock.rounds))
	default:
		t.tell <- struct{}{} // the last entry was taken to ask for this answer
	}
}

// end tells the machine that this was all.
func (t *wakeTalk) end(err error) {
	t.err = err
	if !t.ended {
		t.ended = true
		close(t.tell)
		if err == nil {
			close(t.right)
		}
	}
}

var timeText = regexp.MustCompile(`^([0-9]{1,11})(?:\.([0-9]{9})|[.%N]*)$`)

// parseTime reads what "date +%s.%N" prints, and returns how coarse it is: not
// every date knows fractions.
func parseTime(text string) (at time.Time, unit time.Duration, err error) {
	m := timeText.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, 0, errors.New(`it gives its time as "` + lab.Printable(text, 80) + `"`)
	}
	secs, _ := strconv.ParseInt(m[1], 10, 64) // digits, and few
	if m[2] == "" {
		return time.Unix(secs, 0), time.Second, nil
	}
	nanos, _ := strconv.ParseInt(m[2], 10, 64)
	return time.Unix(secs, nanos), time.Nanosecond, nil
}
