package agent_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// readUntil reads from r until want has come.
func readUntil(t *testing.T, r io.Reader, want string) {
	t.Helper()
	var got []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(got, []byte(want)) {
		n, err := r.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			t.Fatalf("%q, then %v; want %q", got, err, want)
		}
	}
}

// heard types on client until it arrives at guest. What is typed before the
// agent has taken the machine's connection is lost, as on a real serial line.
func heard(t *testing.T, client io.Writer, guest net.Conn) {
	t.Helper()
	defer func() { noError(t, guest.SetReadDeadline(time.Time{})) }()
	for range 500 {
		_, err := io.WriteString(client, "x")
		noError(t, err)
		noError(t, guest.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		if n, _ := guest.Read(make([]byte, 1)); n > 0 {
			return
		}
	}
	t.Fatal("nothing that is typed arrives")
}

func TestConsole(t *testing.T) {
	s, ctx := serveAPI(t), t.Context()
	noError(t, s.client.Start(ctx, "a"))
	guest := s.hv.Console("a")
	one, err := s.client.Console(ctx, "a")
	noError(t, err)
	defer func() { _ = one.Close() }()
	two, err := s.client.Console(ctx, "a")
	noError(t, err)
	defer func() { _ = two.Close() }()

	heard(t, one, guest) // so that both are known to be attached
	heard(t, two, guest)
	_, err = io.WriteString(one, "root\r")
	noError(t, err)
	readUntil(t, guest, "root\r")
	_, err = io.WriteString(guest, "web login: ")
	noError(t, err)
	readUntil(t, one, "web login: ")
	readUntil(t, two, "web login: ")
	if b, err := os.ReadFile(s.spec.Machines[0].ConsoleLog); err != nil || string(b) != "web login: " {
		t.Errorf("log %q, %v", b, err)
	}

	// Another life of the machine goes on in the same console and log.
	noError(t, s.client.Destroy(ctx, "a"))
	noError(t, s.client.Start(ctx, "a"))
	_, err = io.WriteString(s.hv.Console("a"), "again")
	noError(t, err)
	readUntil(t, one, "again")
	if b, _ := os.ReadFile(s.spec.Machines[0].ConsoleLog); string(b) != "web login: again" {
		t.Errorf("log %q", b)
	}
}

// TestConsoleFlood has a machine say more than the log may hold, before a
// reader that does not read.
func TestConsoleFlood(t *testing.T) {
	s, ctx := serveAPI(t), t.Context()
	noError(t, s.client.Start(ctx, "a"))
	lazy, err := s.client.Console(ctx, "a")
	noError(t, err)
	defer func() { _ = lazy.Close() }()
	guest := s.hv.Console("a")
	heard(t, lazy, guest)

	_, err = io.WriteString(guest, "first words\n")
	noError(t, err)
	chunk := []byte(strings.Repeat("A", 64<<10))
	for range 40 << 20 / len(chunk) {
		_, err := guest.Write(chunk)
		noError(t, err)
	}
	_, err = io.WriteString(guest, "the end")
	noError(t, err)
	// A reader that comes later sees that everything before was taken.
	late, err := s.client.Console(ctx, "a")
	noError(t, err)
	defer func() { _ = late.Close() }()
	_, err = io.WriteString(late, "y")
	noError(t, err)
	readUntil(t, guest, "y")
	_, err = io.WriteString(guest, "!")
	noError(t, err)
	_ = late.SetReadDeadline(time.Now().Add(20 * time.Second))
	readUntil(t, late, "!")

	b, err := os.ReadFile(s.spec.Machines[0].ConsoleLog)
	noError(t, err)
	if len(b) > 16<<20 || len(b) < 8<<20 {
		t.Errorf("the log has %d bytes", len(b))
	}
	if !bytes.HasPrefix(b, []byte("first words\n")) || !bytes.HasSuffix(b, []byte("Athe end!")) {
		t.Error("head or tail is missing")
	}
	// The lazy one was cut off: it reads what it had, then the end.
	_ = lazy.SetReadDeadline(time.Now().Add(20 * time.Second))
	if n, err := io.Copy(io.Discard, lazy); err != nil || n > 8<<20 {
		t.Errorf("the lazy reader got %d bytes: %v", n, err)
	}
}
