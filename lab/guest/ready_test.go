package guest

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

// answers gives one answer after the other to commands, the last for ever.
func answers(texts ...string) func(*serverConn, string, ssh.Channel) bool {
	var mu sync.Mutex
	return func(_ *serverConn, _ string, ch ssh.Channel) bool {
		mu.Lock()
		text := texts[0]
		if len(texts) > 1 {
			texts = texts[1:]
		}
		mu.Unlock()
		return say(ch, text)
	}
}

func TestWaitReady(t *testing.T) {
	s := newServer(t)
	s.answer = answers("wait its first-boot configuration is running", "nonsense \x1b[2J", "ready")
	var refused atomic.Int32
	g := s.guest(func(c *Config) {
		dial := c.Dial
		c.Alive = func(context.Context) error { return nil }
		c.Dial = func(ctx context.Context) (net.Conn, error) {
			if refused.Add(1) < 4 {
				return nil, errRefused
			}
			return dial(ctx)
		}
	})
	var p steps
	if err := g.WaitReady(t.Context(), time.Minute, &p); err != nil {
		t.Fatal(err)
	}
	want := "waiting for SSH on web|waiting for first boot of web"
	if got := strings.Join(p.all(), "|"); got != want {
		t.Errorf("progress %q, want %q", got, want)
	}
}

func TestWaitReadyGivesUp(t *testing.T) {
	g := newServer(t).guest(func(c *Config) {
		c.Dial = func(context.Context) (net.Conn, error) { return nil, errRefused }
	})
	err := g.WaitReady(t.Context(), 50*time.Millisecond, nil)
	var guestErr *lab.GuestError
	if !errors.As(err, &guestErr) || !errors.Is(err, errRefused) {
		t.Fatalf("error %v", err)
	}
	if guestErr.Op != "reach" || !strings.Contains(guestErr.Tail, "web login:") || guestErr.LogPath == "" {
		t.Errorf("error %+v", guestErr)
	}
}

func TestWaitReadyKnowsADeadMachineAtOnce(t *testing.T) {
	dead := errors.New("the machine is off")
	g := newServer(t).guest(func(c *Config) {
		c.Alive = func(context.Context) error { return dead }
		c.Dial = func(context.Context) (net.Conn, error) { return nil, errRefused }
	})
	err := g.WaitReady(t.Context(), time.Hour, nil)
	if want := `cannot reach machine "web": the machine is off`; err == nil || err.Error() != want || !errors.Is(err, dead) {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestWaitReadyFailsInMaintenanceMode(t *testing.T) {
	s := newServer(t)
	s.answer = answers("fail the system is in maintenance mode")
	err := s.guest(nil).WaitReady(t.Context(), time.Hour, nil)
	if err == nil || err.Error() != `cannot boot machine "web": the system is in maintenance mode` {
		t.Errorf("error %v", err)
	}
}

func TestSettle(t *testing.T) {
	s := newServer(t)
	s.answer = answers("wait a package manager is running (apt, process 7)", "ready")
	if err := s.guest(nil).Settle(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// TestStateScript runs the real script: this host has no lock of its own to
// show, but the script must be one that the shell understands.
func TestStateScript(t *testing.T) {
	g := newServer(t).guest(nil)
	out, err := g.Run(t.Context(), lab.Command{Shell: linux{}.state(true)})
	if err != nil || out.ExitCode != 0 || len(out.Stderr) != 0 {
		t.Fatalf("exit code %d, stderr %q, error %v", out.ExitCode, out.Stderr, err)
	}
	word, _, _ := strings.Cut(strings.TrimSpace(string(out.Stdout)), " ")
	if word != "ready" && word != "wait" && word != "fail" {
		t.Errorf("state %q", out.Stdout)
	}
}

// rebooting is a machine with a boot id: asked to reboot it cuts the line, as
// often as it is told without having an exit code for the command.
func rebooting(id *atomic.Value, next string, cut bool) func(*serverConn, string, ssh.Channel) bool {
	return func(c *serverConn, command string, ch ssh.Channel) bool {
		switch {
		case strings.Contains(command, "boot_id"):
			return say(ch, id.Load().(string))
		case strings.Contains(command, "reboot"):
			id.Store(next)
			if cut {
				_ = c.raw.Close()
				return true
			}
			return say(ch, "")
		}
		return say(ch, "ready")
	}
}

func TestReboot(t *testing.T) {
	for name, cut := range map[string]bool{"command returns": false, "connection is cut": true} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			var id atomic.Value
			id.Store("one")
			s.answer = rebooting(&id, "two", cut)
			g := s.guest(nil)
			if err := g.Reboot(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if n := s.dials.Load(); n != 2 {
				t.Errorf("%d connections, want one before and one after", n)
			}
		})
	}
}

func TestRebootThatDoesNotHappen(t *testing.T) {
	s := newServer(t)
	var id atomic.Value
	id.Store("one")
	s.answer = rebooting(&id, "one", true)
	g := s.guest(func(c *Config) { c.Machine.BootTimeout = 100 * time.Millisecond })
	g.limits.stop = 0
	err := g.Reboot(t.Context(), nil)
	var guestErr *lab.GuestError
	if !errors.As(err, &guestErr) || guestErr.Op != "reboot" || !strings.Contains(err.Error(), "boot id is the same") {
		t.Errorf("error %v", err)
	}
}

func TestRebootRefused(t *testing.T) {
	s := newServer(t)
	s.answer = func(_ *serverConn, command string, ch ssh.Channel) bool {
		if strings.Contains(command, "boot_id") {
			return say(ch, "one")
		}
		_, _ = ch.Stderr().Write([]byte("Access denied\x1b[0m\n"))
		exit(ch, 1)
		return true
	}
	err := s.guest(nil).Reboot(t.Context(), nil)
	if err == nil || err.Error() != `cannot reboot machine "web": exit code 1: Access denied` {
		t.Errorf("error %v", err)
	}
}

func TestRebootOfAMachineThatPowersOff(t *testing.T) {
	s := newServer(t)
	var id atomic.Value
	id.Store("one")
	s.answer = rebooting(&id, "two", true)
	g := s.guest(func(c *Config) {
		c.Alive = func(context.Context) error {
			if id.Load() == "two" {
				return errors.New("the machine is off")
			}
			return nil
		}
	})
	if err := g.Reboot(t.Context(), nil); err == nil || err.Error() != `cannot reboot machine "web": the machine is off` {
		t.Errorf("error %v", err)
	}
}

func FuzzParseState(f *testing.F) {
	for _, s := range []string{"ready", "wait x", "fail y", "", "readyy"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		word, _, _ := strings.Cut(s, " ")
		if (parseState(s) == nil) != (word == "ready") {
			t.Errorf("%q", s)
		}
	})
}
