package guest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// listen accepts connections for handle until the test ends.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			handle(c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func TestDialEcho(t *testing.T) {
	addr := listen(t, func(c net.Conn) { _, _ = io.CopyN(c, c, 5); _ = c.Close() })
	c, err := newServer(t).guest(nil).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if c.RemoteAddr().String() != addr {
		t.Errorf("remote address %v, want %s", c.RemoteAddr(), addr)
	}
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); err != nil || string(b) != "hello" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestDialKnowsDeadlines(t *testing.T) {
	addr := listen(t, func(c net.Conn) { t.Cleanup(func() { _ = c.Close() }) })
	c, err := newServer(t).guest(nil).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestDialRefusedIsNotTheMachinesFault(t *testing.T) {
	addr := listen(t, func(net.Conn) {})
	_, port, _ := net.SplitHostPort(addr)
	g := newServer(t).guest(nil)
	_, err := g.DialContext(t.Context(), "tcp", net.JoinHostPort("127.255.255.254", port))
	var guestErr *lab.GuestError
	if err == nil || errors.As(err, &guestErr) {
		t.Fatalf("error %v", err)
	}
	if !strings.Contains(err.Error(), `from machine "web": Connection refused`) || strings.ContainsRune(err.Error(), '\x1b') {
		t.Errorf("error %q", err)
	}
}

func TestDialFromUnreachableMachine(t *testing.T) {
	g := newServer(t).guest(func(c *Config) {
		c.ReconnectLimit = 200 * time.Millisecond
		c.Dial = func(context.Context) (net.Conn, error) { return nil, errRefused }
	})
	_, err := g.DialContext(t.Context(), "tcp", "127.0.0.1:1")
	var guestErr *lab.GuestError
	if !errors.As(err, &guestErr) || guestErr.Machine != "web" {
		t.Errorf("error %v", err)
	}
}

func TestDialLostIsNoEndOfData(t *testing.T) {
	s := newServer(t)
	addr := listen(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "half")
		t.Cleanup(func() { _ = c.Close() })
	})
	c, err := s.guest(nil).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	s.hangUp()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, ErrConnectionLost) {
		t.Errorf("error %v, want %v", err, ErrConnectionLost)
	}
}
