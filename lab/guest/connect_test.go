package guest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

func TestHostKeyMismatchIsPermanent(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaPublic, err := ssh.NewPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]ssh.PublicKey{"same type": newSigner(t).PublicKey(), "another type": rsaPublic} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			g := s.guest(func(c *Config) { c.HostKey = key; c.ReconnectLimit = time.Hour })
			for _, call := range []func() error{
				func() error { return g.WaitReady(t.Context(), time.Hour, nil) },
				func() error { _, err := g.Run(t.Context(), lab.Command{Shell: "true"}); return err },
			} {
				s.dials.Store(0)
				err := call()
				var mismatch *HostKeyError
				var guestErr *lab.GuestError
				if !errors.As(err, &mismatch) || !errors.As(err, &guestErr) {
					t.Fatalf("error %v", err)
				}
				if !strings.Contains(err.Error(), ssh.FingerprintSHA256(key)) {
					t.Errorf("error %q does not name the pinned key", err)
				}
				if n := s.dials.Load(); n != 1 {
					t.Errorf("%d attempts, want 1", n)
				}
			}
		})
	}
}

func TestRSAHostKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newServerWithKey(t, signer).guest(nil).Run(t.Context(), lab.Command{Shell: "true"}); err != nil {
		t.Error(err)
	}
}

func TestReachGivesUpWithCauseAndConsole(t *testing.T) {
	g := newServer(t).guest(func(c *Config) {
		c.ReconnectLimit = 200 * time.Millisecond
		c.Dial = func(context.Context) (net.Conn, error) { return nil, errRefused }
	})
	_, err := g.Run(t.Context(), lab.Command{Shell: "true"})
	var guestErr *lab.GuestError
	if !errors.As(err, &guestErr) || !errors.Is(err, errRefused) || !strings.Contains(guestErr.Tail, "web login:") {
		t.Errorf("error %#v", err)
	}
}

func TestReachEndsWithCancelledContext(t *testing.T) {
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	g := newServer(t).guest(func(c *Config) {
		c.ReconnectLimit = time.Hour
		c.Dial = func(context.Context) (net.Conn, error) { cancel(why); return nil, errRefused }
	})
	if _, err := g.Run(ctx, lab.Command{Shell: "true"}); err != why { //nolint:errorlint // the very error
		t.Errorf("error %v, want the context's cause alone", err)
	}
}

func TestReachWithinACommandsTimeoutTellsWhy(t *testing.T) {
	g := newServer(t).guest(func(c *Config) {
		c.ReconnectLimit = time.Hour
		c.Dial = func(context.Context) (net.Conn, error) { return nil, errRefused }
	})
	_, err := g.Run(t.Context(), lab.Command{Shell: "true", Timeout: 50 * time.Millisecond})
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errRefused) {
		t.Errorf("error %v", err)
	}
}

// TestHandshakeWithSilence connects to something that accepts and says nothing.
func TestHandshakeWithSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	g := newServer(t).guest(func(c *Config) {
		c.ReconnectLimit = 200 * time.Millisecond
		c.Dial = func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		}
	})
	for want, limit := range map[string]time.Duration{
		"handshake did not finish": time.Hour,
		"sent no SSH greeting":     20 * time.Millisecond,
	} {
		g.limits.greeting = limit
		_, err = g.Run(t.Context(), lab.Command{Shell: "true"})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestNewRefusesIncompleteConfig(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	New(Config{})
}

// TestConnect reaches a machine that refuses at first, and asks it nothing.
func TestConnect(t *testing.T) {
	s := newServer(t)
	s.answer = func(_ *serverConn, command string, ch ssh.Channel) bool {
		t.Errorf("it was asked %q", command)
		return say(ch, "")
	}
	refused := 0
	g := s.guest(func(c *Config) {
		dial := c.Dial
		c.Dial = func(ctx context.Context) (net.Conn, error) {
			if refused++; refused < 3 {
				return nil, errRefused
			}
			return dial(ctx)
		}
	})
	g.limits.poll = time.Hour // only the first retries are fast
	if err := g.Connect(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := g.Connect(t.Context(), time.Minute); err != nil || s.dials.Load() != 1 {
		t.Errorf("error %v, %d connections", err, s.dials.Load())
	}
}

func TestConnectGivesUp(t *testing.T) {
	g := newServer(t).guest(func(c *Config) {
		c.Dial = func(context.Context) (net.Conn, error) { return nil, errRefused }
	})
	err := g.Connect(t.Context(), 20*time.Millisecond)
	var guestErr *lab.GuestError
	if !errors.As(err, &guestErr) || guestErr.Op != "reach" || !errors.Is(err, errRefused) || guestErr.Tail == "" {
		t.Errorf("error %#v", err)
	}
}

// TestAlgorithms has the cheap ones chosen, and falls back to each other.
func TestAlgorithms(t *testing.T) {
	all, safe := algorithms(), ssh.SupportedAlgorithms()
	if len(all.KeyExchanges) != len(safe.KeyExchanges) {
		t.Errorf("key exchanges %q, want all of %q", all.KeyExchanges, safe.KeyExchanges)
	}
	s := newServer(t)
	g := s.guest(nil)
	if err := g.Connect(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	got := g.link.client.Conn.(ssh.AlgorithmsConnMetadata).Algorithms()
	if got.KeyExchange != ssh.KeyExchangeCurve25519 || got.Write.Cipher != ssh.CipherAES128GCM {
		t.Errorf("chosen: %+v", got)
	}
	for _, exchange := range safe.KeyExchanges {
		s := newServer(t)
		s.only.Store(&ssh.Config{KeyExchanges: []string{exchange}})
		if err := s.guest(nil).Connect(t.Context(), time.Minute); err != nil {
			t.Errorf("%s: %v", exchange, err)
		}
	}
}
