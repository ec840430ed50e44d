package agent_test

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
	"github.com/patchlab/patchlab/lab/network"
)

type served struct {
	spec   *agent.Spec
	hv     *agenttest.Hypervisor
	net    *fakeNet
	client *agent.Client
	stop   func() error // may be called again
}

func serveAPI(t testing.TB) *served {
	t.Helper()
	return serveHypervisor(t, func(hv *agenttest.Hypervisor) agent.Hypervisor { return hv })
}

// serveHypervisor serves what wrap makes of a fake.
func serveHypervisor(t testing.TB, wrap func(*agenttest.Hypervisor) agent.Hypervisor) *served {
	t.Helper()
	spec := agenttest.Spec(t)
	s := &served{spec: spec, hv: agenttest.New(spec), net: &fakeNet{}, client: agent.NewClient(spec.SocketPath())}
	stop, err := agent.ServeAPI(spec, wrap(s.hv), s.net, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.stop = sync.OnceValue(stop)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMachinesThroughClient(t *testing.T) {
	s, ctx := serveAPI(t), t.Context()
	noError(t, s.client.Start(ctx, "a"))
	if err := s.client.Start(ctx, "a"); !errors.Is(err, agent.ErrRunning) {
		t.Errorf("second start: %v", err)
	}
	noError(t, s.client.Suspend(ctx, "a"))
	st, err := s.client.Status(ctx)
	noError(t, err)
	if st.ID != "0badcafe" || st.Arm != "patched" || st.PID == 0 || st.Stats.EgressOverflow != 7 || !st.Started.Equal(time.Unix(1, 0)) {
		t.Errorf("status %+v", st)
	}
	a, b := st.Machines[0], st.Machines[1]
	if a.State.State != "paused" || a.Reason != "user" || a.Network != "office" || a.Address.String() != "192.168.1.10" {
		t.Errorf("machine a: %+v", a)
	}
	if b.State.State != "absent" || b.Address.IsValid() {
		t.Errorf("machine b: %+v", b)
	}
	noError(t, s.client.Resume(ctx, "a"))
	img, err := s.client.Screenshot(ctx, "a")
	noError(t, err)
	if _, err := png.Decode(bytes.NewReader(img)); err != nil {
		t.Error(err)
	}
	noError(t, s.client.Destroy(ctx, "a"))
	noError(t, s.client.Destroy(ctx, "a"))
}

func TestErrorsThroughClient(t *testing.T) {
	s, ctx := serveAPI(t), t.Context()
	s.hv.Fail("b", errors.New("it broke"))
	dial := func(network, addr string) error {
		_, err := s.client.DialNetwork(ctx, network, addr)
		return err
	}
	dialMachine := func(name string, port int) error {
		_, err := s.client.DialMachine(ctx, name, port)
		return err
	}
	shot := func(name string) error {
		_, err := s.client.Screenshot(ctx, name)
		return err
	}
	for _, c := range []struct {
		name   string
		err    error
		status int
		code   string
		is     error
	}{
		{"unknown machine", s.client.Start(ctx, "nobody"), 404, "unknown-machine", agent.ErrUnknownMachine},
		{"name with slash", s.client.Destroy(ctx, "a/../b"), 404, "unknown-machine", agent.ErrUnknownMachine},
		{"not running", s.client.Suspend(ctx, "a"), 409, "not-running", agent.ErrNotRunning},
		{"screenshot", shot("a"), 409, "not-running", agent.ErrNotRunning},
		{"hypervisor's error", s.client.Start(ctx, "b"), 500, "failed", nil},
		{"unknown network", dial("lan", "echo:7"), 404, "unknown-network", network.ErrUnknownNetwork},
		{"refused", dial("office", "refused:1"), 502, "connection-refused", syscall.ECONNREFUSED},
		{"outside", dial("office", "outside:1"), 403, "outside-lab", network.ErrOutside},
		{"no network", dial("", "echo:7"), 400, "bad-request", nil},
		{"no port", dial("office", "echo"), 400, "bad-request", nil},
		{"no such host", dial("office", "nobody:1"), 502, "no-such-host", nil},
		{"dial unknown machine", dialMachine("nobody", 22), 404, "unknown-machine", agent.ErrUnknownMachine},
		{"dial port 0", dialMachine("a", 0), 400, "bad-request", nil},
		{"dial port 65536", dialMachine("a", 65536), 400, "bad-request", nil},
		{"dial machine without address", dialMachine("b", 22), 409, "no-address", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e *agent.APIError
			if !errors.As(c.err, &e) {
				t.Fatalf("error %v", c.err)
			}
			if e.Status != c.status || e.Code != c.code || e.Message == "" {
				t.Errorf("%d %q %q, want %d %q", e.Status, e.Code, e.Message, c.status, c.code)
			}
			if c.is != nil && !errors.Is(c.err, c.is) {
				t.Errorf("%v is not %v", c.err, c.is)
			}
		})
	}
	var dns *net.DNSError
	if err := dial("office", "nobody:1"); !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("not a DNS error: %v", err)
	}
}

func TestEgress(t *testing.T) {
	s := serveAPI(t)
	got, err := s.client.Egress(t.Context())
	noError(t, err)
	if diff := cmp.Diff(s.net.Egress(), got, cmp.Comparer(sameAddr)); diff != "" {
		t.Error(diff)
	}
}

func TestDialHalfClose(t *testing.T) {
	s := serveAPI(t)
	c, err := s.client.DialMachine(t.Context(), "a", 22)
	noError(t, err)
	defer func() { _ = c.Close() }()
	_, err = io.WriteString(c, "hello ")
	noError(t, err)
	noError(t, c.(interface{ CloseWrite() error }).CloseWrite())
	got, err := io.ReadAll(c)
	if string(got) != "hello bye" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestStreamDeadline(t *testing.T) {
	s := serveAPI(t)
	c, err := s.client.DialNetwork(t.Context(), "office", "echo:7")
	noError(t, err)
	defer func() { _ = c.Close() }()
	noError(t, c.SetReadDeadline(time.Unix(1, 0)))
	var timeout net.Error
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read past the deadline: %v", err)
	}
}

func TestDialEndsWithContext(t *testing.T) {
	s := serveAPI(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := s.client.DialNetwork(ctx, "office", "hangs:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestStreamNeedsUpgrade(t *testing.T) {
	s := serveAPI(t)
	for _, path := range []string{"/v1/dial?machine=a&port=22", "/v1/machines/a/console"} {
		res := request(t, s.spec, "GET "+path+" HTTP/1.1\r\nHost: agent\r\n\r\n")
		if res.StatusCode != http.StatusUpgradeRequired {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}

func TestNobodyServes(t *testing.T) {
	spec := agenttest.Spec(t)
	c := agent.NewClient(spec.SocketPath())
	_, err := c.Status(t.Context())
	_, dialErr := c.DialMachine(t.Context(), "a", 22)
	for _, e := range []error{err, dialErr, c.Shutdown(t.Context())} {
		if !errors.Is(e, agent.ErrNoAgent) || errors.Is(e, syscall.ECONNREFUSED) {
			t.Errorf("error %v", e)
		}
	}
}
