package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	// maxGreeting is how much of what a TCP service sends is looked at.
	maxGreeting = 64 << 10
	// silence after an answer is taken for its end where the service keeps
	// the connection open and something must not be in the answer.
	silence = 500 * time.Millisecond
)

// dial connects from the check's place; the connection ends with ctx.
func dial(ctx context.Context, at place, addr string) (net.Conn, error) {
	c, err := at.Dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, dialError(err, at, addr)
	}
	if d, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(d); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("cannot limit the connection to %s: %w", addr, err)
		}
	}
	return c, nil
}

// dialError names both ends, unless err is about the machine that the check
// is made from: that error names it already.
func dialError(err error, at place, addr string) error {
	if _, machine := errors.AsType[*lab.GuestError](err); machine {
		return err
	}
	if at.Guest != nil {
		return err // the guest names itself and addr
	}
	return fmt.Errorf("cannot connect to %s from the %s: %w", addr, at.name, err)
}

// tcp opens a connection, says something and listens.
func tcp(ctx context.Context, s *lab.TCPCheck, at place) finding {
	addr := net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	c, err := dial(ctx, at, addr)
	if err != nil {
		return finding{err: err}
	}
	defer func() { _ = c.Close() }()
	// The deadline does not know that ctx was cancelled.
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	f := finding{seen: "connected to " + addr}
	if s.Send != "" {
		if _, err := io.WriteString(c, s.Send); err != nil {
			f.err = fmt.Errorf("connected to %s, but cannot send: %w", addr, err)
			return f
		}
	}
	if s.Expect.IsZero() {
		return f
	}
	answer, whole, err := listen(ctx, c, s.Expect)
	f.evidence = string(answer)
	f.err = err
	if len(answer) == 0 {
		f.faults = append(f.faults, "connected to "+addr+", but nothing came back")
		return f
	}
	f.expect("answer", s.Expect, answer, !whole)
	return f
}

// listen reads until m holds, the service closes the connection, the limit is
// reached or time is up. Whole means that the answer is known to its end.
func listen(ctx context.Context, c net.Conn, m lab.Match) (answer []byte, whole bool, err error) {
	buf := make([]byte, 4096)
	for len(answer) < maxGreeting {
		n, err := c.Read(buf[:min(len(buf), maxGreeting-len(answer))])
		answer = append(answer, buf[:n]...)
		held, done := enough(m, answer)
		switch {
		case held && m.NotContains != "":
			// What must not come may still come: wait for a silence.
			if err := shorten(ctx, c); err != nil {
				return answer, false, err
			}
		case done:
			return answer, true, nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return answer, true, nil
		case errors.Is(err, os.ErrDeadlineExceeded) && held && !past(ctx):
			return answer, true, nil // the silence has come
		case err != nil:
			return answer, false, err
		}
	}
	return answer, false, nil
}

// enough reports whether what must come has come (held; false when nothing
// must), and whether nothing that comes later can matter (done).
func enough(m lab.Match, answer []byte) (held, done bool) {
	if m.NotContains != "" {
		if ok, _ := Match(lab.Match{NotContains: m.NotContains}, answer); !ok {
			return false, true
		}
	}
	positive := m
	positive.NotContains = ""
	if positive.IsZero() || len(answer) == 0 {
		return false, false
	}
	held, _ = Match(positive, answer)
	return held, held && m.NotContains == ""
}

// shorten sets the deadline for the next silence, or ctx's if that is earlier.
func shorten(ctx context.Context, c net.Conn) error {
	at := time.Now().Add(silence)
	if d, ok := ctx.Deadline(); ok && d.Before(at) {
		at = d
	}
	return c.SetReadDeadline(at)
}

func past(ctx context.Context) bool {
	d, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(d)
}
