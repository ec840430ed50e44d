package check

import (
	"context"
	"flag"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchlab/patchlab/lab"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(m.Run()) // the fuzzing engine leaves goroutines of its own
	}
	goleak.VerifyTestMain(m)
}

// machine is a scripted lab.Guest that dials from this host's loopback.
type machine struct {
	lab.Guest // nil: what a check may not use panics
	run       func(ctx context.Context, c lab.Command) (lab.Output, error)
	dial      func(ctx context.Context, network, addr string) (net.Conn, error)
	os        lab.OS // empty: Linux
}

func (m *machine) Run(ctx context.Context, c lab.Command) (lab.Output, error) { return m.run(ctx, c) }

func (m *machine) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if m.dial != nil {
		return m.dial(ctx, network, addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

func (*machine) Upload(context.Context, string, string, fs.FileMode, lab.Progress) error {
	panic("a check uploads")
}

// prints returns a machine on which every command prints and exits so.
func prints(stdout, stderr string, code int) *machine {
	return &machine{run: func(_ context.Context, c lab.Command) (lab.Output, error) {
		if c.Stdout != nil {
			_, _ = io.WriteString(c.Stdout, stdout)
		}
		if c.Stderr != nil {
			_, _ = io.WriteString(c.Stderr, stderr)
		}
		return lab.Output{ExitCode: code, Stdout: []byte(stdout), Stderr: []byte(stderr)}, nil
	}}
}

// make1 makes a check once from m, or from a gateway when m is nil.
func make1(t *testing.T, spec lab.CheckSpec, m *machine, timeout time.Duration) lab.CheckResult {
	t.Helper()
	c := &lab.Check{Name: "c", Timeout: timeout, Interval: time.Millisecond, Spec: spec}
	at := lab.Place{Dialer: &machine{}, DNS: netip.MustParseAddrPort("127.0.0.1:1")}
	if m == nil {
		c.FromNet = &lab.Network{Name: "office"}
	} else {
		c.From = &lab.Machine{Name: "desk", Image: &lab.Image{OS: lab.Linux}}
		if m.os != "" {
			c.From.Image.OS = m.os
		}
		at.Guest, at.Dialer = m, m
	}
	return Runner{}.RunCheck(t.Context(), c, at)
}

// want compares a result with the message that it should have.
func want(t *testing.T, res lab.CheckResult, passed bool, message string) {
	t.Helper()
	if res.Passed != passed || res.Message != message {
		t.Errorf("passed %t, message %q; want %t, %q", res.Passed, res.Message, passed, message)
	}
	if strings.ContainsAny(res.Message, "\n\x1b") || len(res.Evidence) > maxEvidence {
		t.Errorf("message %q or evidence of %d bytes is not fit to print", res.Message, len(res.Evidence))
	}
}

// serve listens on loopback and gives each connection to handle, which must
// end with it.
func serve(t *testing.T, handle func(net.Conn)) *net.TCPAddr {
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
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().(*net.TCPAddr)
}

const (
	long  = time.Minute            // never reached
	short = 200 * time.Millisecond // reached on purpose
)
