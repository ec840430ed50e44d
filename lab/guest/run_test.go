package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

func TestRun(t *testing.T) {
	g := newServer(t).guest(nil)
	for _, c := range []struct {
		name           string
		command        lab.Command
		code           int
		signal         string
		stdout, stderr string
	}{
		{"output", lab.Command{Shell: "echo out; echo err >&2"}, 0, "", "out\n", "err\n"},
		{"exit code", lab.Command{Shell: "exit 3"}, 3, "", "", ""},
		{"killed", lab.Command{Shell: "kill -KILL $$"}, -1, "KILL", "", ""},
		{"environment", lab.Command{Shell: `echo "$A:$B_2"`, Env: map[string]string{"A": "it's $HOME", "B_2": ""}}, 0, "", "it's $HOME:\n", ""},
		{"stdin", lab.Command{Shell: "cat", Stdin: strings.NewReader("from here")}, 0, "", "from here", ""},
		{"no stdin is empty", lab.Command{Shell: "cat; echo end"}, 0, "", "end\n", ""},
		{"several lines and quotes", lab.Command{Shell: "a='x y'\nfor i in 1 2; do echo \"$a'$i\"; done"}, 0, "", "x y'1\nx y'2\n", ""},
		{"invalid UTF-8", lab.Command{Shell: `printf '\377\000\033[31m'`}, 0, "", "\xff\x00\x1b[31m", ""},
		{"not found", lab.Command{Shell: "no-such-command 2>/dev/null"}, 127, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			c.command.Stdout, c.command.Stderr = &out, &errs
			got, err := g.Run(t.Context(), c.command)
			if err != nil {
				t.Fatal(err)
			}
			if got.ExitCode != c.code || got.Signal != c.signal || got.Truncated {
				t.Errorf("exit code %d, signal %q, truncated %t", got.ExitCode, got.Signal, got.Truncated)
			}
			if string(got.Stdout) != c.stdout || string(got.Stderr) != c.stderr {
				t.Errorf("stdout %q, stderr %q", got.Stdout, got.Stderr)
			}
			if out.String() != c.stdout || errs.String() != c.stderr {
				t.Errorf("streamed %q and %q", out.String(), errs.String())
			}
		})
	}
}

func TestRunRefusesWhatNoShellTakes(t *testing.T) {
	s := newServer(t)
	g := s.guest(nil)
	for _, c := range []lab.Command{
		{Shell: "echo a\x00b"},
		{Shell: "true", Env: map[string]string{"A;reboot": "x"}},
		{Shell: strings.Repeat("x", 200<<10)},
	} {
		if _, err := g.Run(t.Context(), c); err == nil {
			t.Errorf("%.20q was run", c.Shell)
		}
	}
	if s.dials.Load() != 0 {
		t.Error("the machine was asked")
	}
}

// counting counts what is written to it.
type counting struct{ n int64 }

func (c *counting) Write(b []byte) (int, error) { c.n += int64(len(b)); return len(b), nil }

func TestRunKeepsLittleOfAFlood(t *testing.T) {
	s := newServer(t)
	const flood = 50 << 20
	s.answer = func(_ *serverConn, _ string, ch ssh.Channel) bool {
		_, _ = io.WriteString(ch, "first\n")
		block := bytes.Repeat([]byte("\xff\x00ab"), 16<<10)
		for sent := 0; sent < flood; sent += len(block) {
			_, _ = ch.Write(block)
		}
		return say(ch, "last")
	}
	var n counting
	out, err := s.guest(nil).Run(t.Context(), lab.Command{Shell: "flood", Stdout: &n})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Stdout) > keepBytes || !out.Truncated {
		t.Errorf("%d bytes kept, truncated %t", len(out.Stdout), out.Truncated)
	}
	if !bytes.HasPrefix(out.Stdout, []byte("first\n")) || !bytes.HasSuffix(out.Stdout, []byte("last\n")) {
		t.Error("head or tail is missing")
	}
	if want := int64(flood + len("first\nlast\n")); n.n != want {
		t.Errorf("%d bytes streamed, want %d", n.n, want)
	}
}

// waitFor is a writer that tells when text has come.
type waitFor struct {
	text string
	come chan struct{}
	once sync.Once
	buf  bytes.Buffer
}

func newWaitFor(text string) *waitFor { return &waitFor{text: text, come: make(chan struct{})} }

func (w *waitFor) Write(b []byte) (int, error) {
	w.buf.Write(b)
	if strings.Contains(w.buf.String(), w.text) {
		w.once.Do(func() { close(w.come) })
	}
	return len(b), nil
}

// hanging prints the numbers of its three processes, one of which is in a
// session of its own, and ends only when it is killed.
const hanging = `sleep 1000 & a=$!; setsid sleep 1000 & sleep 0.1
b=$(cat /proc/*/stat 2>/dev/null | awk -v p=$$ '$4 == p && $2 == "(sleep)" { print $1 }')
echo $$ $a $b ready; wait`

func TestRunCancelKillsOnTheMachine(t *testing.T) {
	g := newServer(t).guest(nil)
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	w := newWaitFor("ready\n")
	go func() { <-w.come; cancel(why) }()
	out, err := g.Run(ctx, lab.Command{Shell: hanging, Stdout: w})
	if !errors.Is(err, why) {
		t.Fatalf("error %v, want the context's cause", err)
	}
	numbers := strings.Fields(strings.TrimSuffix(strings.TrimSpace(string(out.Stdout)), "ready"))
	if len(numbers) < 4 {
		t.Fatalf("processes %q", numbers)
	}
	for _, n := range numbers {
		if pid, err := strconv.Atoi(n); err != nil || runs(pid) {
			t.Errorf("process %s still runs", n)
		}
	}
	if out, err := g.Run(t.Context(), lab.Command{Shell: "echo on"}); err != nil || string(out.Stdout) != "on\n" {
		t.Errorf("the connection is of no use any more: %q, %v", out.Stdout, err)
	}
}

// runs reports whether pid is there and no zombie.
func runs(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(b, []byte(") Z "))
}

func TestRunInsistsWithKill(t *testing.T) {
	g := newServer(t).guest(nil)
	out, err := g.Run(t.Context(), lab.Command{
		Shell:   `trap '' TERM; echo $$; while :; do sleep 0.1; done`,
		Timeout: 500 * time.Millisecond,
	})
	var timeout *TimeoutError
	var guestErr *lab.GuestError
	if !errors.As(err, &timeout) || !errors.As(err, &guestErr) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	if want := `cannot run a command on machine "web": it did not finish within 500ms`; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(out.Stdout)))
	if pid == 0 || runs(pid) {
		t.Errorf("process %d still runs", pid)
	}
}

func TestRunDoesNotWaitForDaemons(t *testing.T) {
	g := newServer(t).guest(nil)
	out, err := g.Run(t.Context(), lab.Command{Shell: "sleep 1000 & echo $!; exit 4", Timeout: time.Minute})
	if err != nil || out.ExitCode != 4 || !out.Truncated {
		t.Errorf("exit code %d, truncated %t, error %v", out.ExitCode, out.Truncated, err)
	}
	pid := strings.TrimSpace(string(out.Stdout))
	if out, err := g.Run(t.Context(), lab.Command{Shell: Quote("kill", pid)}); err != nil || out.ExitCode != 0 {
		t.Errorf("the daemon is gone: %v", err)
	}
}

func TestRunConnectionLost(t *testing.T) {
	s := newServer(t)
	s.answer = func(c *serverConn, _ string, ch ssh.Channel) bool {
		_, _ = io.WriteString(ch, "half")
		_, _, _ = c.SendRequest("flush", true, nil) // the output is out before the line is cut
		_ = c.raw.Close()
		return true
	}
	out, err := s.guest(nil).Run(t.Context(), lab.Command{Shell: "x"})
	var guestErr *lab.GuestError
	if !errors.Is(err, ErrConnectionLost) || !errors.As(err, &guestErr) {
		t.Fatalf("error %v", err)
	}
	if guestErr.Machine != "web" || !strings.Contains(guestErr.Tail, "web login:") || guestErr.LogPath == "" {
		t.Errorf("error %+v lacks the console", guestErr)
	}
	if string(out.Stdout) != "half" {
		t.Errorf("output %q", out.Stdout)
	}
}

func TestRunSessionEndsWithoutExitCode(t *testing.T) {
	s := newServer(t)
	s.answer = func(_ *serverConn, _ string, _ ssh.Channel) bool { return true }
	_, err := s.guest(nil).Run(t.Context(), lab.Command{Shell: "x"})
	if !errors.Is(err, errNoSession) || errors.Is(err, ErrConnectionLost) {
		t.Errorf("error %v", err)
	}
}

func TestRunNoticesAMachineThatHangs(t *testing.T) {
	s := newServer(t)
	hung := make(chan struct{})
	t.Cleanup(func() { close(hung) })
	s.answer = func(*serverConn, string, ssh.Channel) bool { s.deaf.Store(true); <-hung; return true }
	g := s.guest(func(c *Config) { c.KeepaliveInterval, c.KeepaliveLimit = 10*time.Millisecond, 100*time.Millisecond })
	_, err := g.Run(t.Context(), lab.Command{Shell: "x"})
	if !errors.Is(err, ErrConnectionLost) || !strings.Contains(err.Error(), "has not answered for 100ms") {
		t.Errorf("error %v", err)
	}
}

// A machine that is known to have died is not waited for.
func TestRunNoticesAMachineThatDies(t *testing.T) {
	s := newServer(t)
	hung := make(chan struct{})
	t.Cleanup(func() { close(hung) })
	s.answer = func(*serverConn, string, ssh.Channel) bool { s.deaf.Store(true); <-hung; return true }
	dead := errors.New("it is off")
	g := s.guest(func(c *Config) {
		c.KeepaliveInterval, c.KeepaliveLimit = 10*time.Millisecond, time.Hour
		c.Alive = func(context.Context) error {
			if s.deaf.Load() {
				return dead
			}
			return nil
		}
	})
	g.limits.alive = 10 * time.Millisecond
	_, err := g.Run(t.Context(), lab.Command{Shell: "x"})
	if !errors.Is(err, ErrConnectionLost) || !errors.Is(err, dead) {
		t.Errorf("error %v", err)
	}
}

func TestRunReconnects(t *testing.T) {
	s := newServer(t)
	g := s.guest(nil)
	for i := range 3 {
		if out, err := g.Run(t.Context(), lab.Command{Shell: "echo hello"}); err != nil || string(out.Stdout) != "hello\n" {
			t.Fatalf("run %d: %v", i, err)
		}
		l, _ := g.current()
		s.hangUp()
		<-l.lost
	}
	if n := s.dials.Load(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

func TestRunStaysBelowMaxSessions(t *testing.T) {
	s := newServer(t)
	g := s.guest(nil)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			want := fmt.Sprintf("%d\n", i)
			if out, err := g.Run(t.Context(), lab.Command{Shell: "echo " + Quote(strings.TrimSpace(want))}); err != nil || string(out.Stdout) != want {
				t.Errorf("%q, %v", out.Stdout, err)
			}
		})
	}
	wg.Wait()
	if n := s.maxOpen.Load(); n > 10 {
		t.Errorf("%d sessions at once", n)
	}
	if n := s.dials.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestRunAfterClose(t *testing.T) {
	g := newServer(t).guest(nil)
	_ = g.Close()
	if _, err := g.Run(t.Context(), lab.Command{Shell: "true"}); !errors.Is(err, errClosed) {
		t.Errorf("error %v", err)
	}
	_ = g.Close()
}
