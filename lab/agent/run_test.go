package agent_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
	"github.com/patchlab/patchlab/lab/network"
)

// running is an agent in this process.
type running struct {
	spec   *agent.Spec
	hv     *agenttest.Hypervisor
	client *agent.Client
	cancel context.CancelFunc
	ended  chan error
}

func fakeNetwork(_ []network.Config, _ *slog.Logger) (agent.Net, error) { return &fakeNet{}, nil }

// run starts an agent and waits until it is ready.
func run(t *testing.T, spec *agent.Spec, o agent.RunOptions) *running {
	t.Helper()
	r := &running{spec: spec, hv: agenttest.New(spec), client: agent.NewClient(spec.SocketPath()), ended: make(chan error, 1)}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(t.Context())
	t.Cleanup(r.cancel)
	ready := make(chan error, 1)
	o.Ready = func(err error) { ready <- err }
	if o.Network == nil {
		o.Network = fakeNetwork
	}
	go func() {
		r.ended <- agent.Run(ctx, spec, func(context.Context, *agent.Spec, *slog.Logger) (agent.Hypervisor, error) { return r.hv, nil }, o)
	}()
	noError(t, <-ready)
	return r
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// checkGone is what holds after every end.
func (r *running) checkGone(t *testing.T) {
	t.Helper()
	noError(t, <-r.ended)
	if exists(r.spec.RunDir) {
		t.Error("the run folder is still there")
	}
	if _, err := r.hv.State(context.Background(), "a"); !errors.Is(err, agent.ErrClosed) {
		t.Errorf("the hypervisor was not closed: %v", err)
	}
	if r.hv.Console("a") != nil {
		t.Error("the machine still runs")
	}
}

func TestRunEndsWithContext(t *testing.T) {
	r := run(t, agenttest.Spec(t), agent.RunOptions{})
	noError(t, r.client.Start(t.Context(), "a"))
	r.cancel()
	r.checkGone(t)
	if !exists(r.spec.LogPath()) {
		t.Error("the log is gone")
	}
}

func TestRunEndsOnRequest(t *testing.T) {
	r := run(t, agenttest.Spec(t), agent.RunOptions{})
	noError(t, r.client.Start(t.Context(), "a"))
	console, err := r.client.Console(t.Context(), "a") // a stream does not delay the end
	noError(t, err)
	defer func() { _ = console.Close() }()
	idle, err := net.Dial("unix", r.spec.SocketPath()) // nor does who says nothing
	noError(t, err)
	defer func() { _ = idle.Close() }()
	// Not Client.Shutdown, which waits for the process: it is this one.
	if got := exchange(t, r.spec, "POST /v1/shutdown HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 202") {
		t.Errorf("answer %q", got)
	}
	r.checkGone(t)
}

func TestRunEndsWithLifeline(t *testing.T) {
	for _, remove := range []bool{true, false} {
		child, parent := io.Pipe()
		r := run(t, agenttest.Spec(t), agent.RunOptions{Lifeline: child, RemoveDir: remove})
		noError(t, r.client.Start(t.Context(), "a"))
		noError(t, parent.Close())
		r.checkGone(t)
		if exists(r.spec.Dir) == remove {
			t.Errorf("RemoveDir %v, folder there: %v", remove, !remove)
		}
	}
}

func TestRunStaysWhenDetached(t *testing.T) {
	child, parent := io.Pipe()
	r := run(t, agenttest.Spec(t), agent.RunOptions{Lifeline: child, RemoveDir: true})
	_, err := parent.Write([]byte{'d'})
	noError(t, err)
	noError(t, parent.Close())
	if _, err := r.client.Status(t.Context()); err != nil {
		t.Errorf("a detached agent ended with its parent: %v", err)
	}
	r.cancel()
	r.checkGone(t)
}

func TestRunKeepsDirWithoutOrphan(t *testing.T) {
	child, parent := io.Pipe()
	r := run(t, agenttest.Spec(t), agent.RunOptions{Lifeline: child, RemoveDir: true})
	r.cancel()
	r.checkGone(t)
	if !exists(r.spec.Dir) {
		t.Error("the folder is gone, though the parent lives")
	}
	noError(t, parent.Close())
}

func TestSecondAgentIsBusy(t *testing.T) {
	r := run(t, agenttest.Spec(t), agent.RunOptions{})
	err := agent.Run(t.Context(), r.spec, agenttest.Open, agent.RunOptions{Network: fakeNetwork})
	if !errors.As(err, new(*lab.BusyError)) {
		t.Errorf("error %v", err)
	}
	if _, err := r.client.Status(t.Context()); err != nil {
		t.Errorf("the first one suffered: %v", err)
	}
	r.cancel()
	r.checkGone(t)
}

func TestRunThatCannotStartLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	noHypervisor := func(context.Context, *agent.Spec, *slog.Logger) (agent.Hypervisor, error) { return nil, broken }
	noNetwork := func([]network.Config, *slog.Logger) (agent.Net, error) { return nil, broken }
	for name, c := range map[string]struct {
		open agent.Opener
		net  agent.NetMaker
	}{"hypervisor": {noHypervisor, fakeNetwork}, "network": {agenttest.Open, noNetwork}} {
		t.Run(name, func(t *testing.T) {
			spec := agenttest.Spec(t)
			var told error
			o := agent.RunOptions{Network: c.net, Ready: func(err error) { told = err }}
			if err := agent.Run(t.Context(), spec, c.open, o); !errors.Is(err, broken) || !errors.Is(told, broken) {
				t.Errorf("error %v, told %v", err, told)
			}
			if exists(spec.RunDir) {
				t.Error("the run folder is left")
			}
			// The lock is free again.
			r := run(t, spec, agent.RunOptions{})
			r.cancel()
			r.checkGone(t)
		})
	}
}

func TestMachineThatDies(t *testing.T) {
	r := run(t, agenttest.Spec(t), agent.RunOptions{})
	ctx := t.Context()
	noError(t, r.client.Start(ctx, "a"))
	r.hv.Set("a", agent.State{State: "crashed", Reason: "failed"})
	st, err := r.client.Status(ctx)
	noError(t, err)
	if got := st.Machines[0].State; got.State != "crashed" || got.Reason != "failed" {
		t.Errorf("state %+v", got)
	}
	noError(t, r.client.Start(ctx, "a"))
	r.cancel()
	r.checkGone(t)
}

// TestRealNetwork wires the agent with package network, without machines that
// would use it.
func TestRealNetwork(t *testing.T) {
	spec := agenttest.Spec(t)
	ready := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- agent.Run(ctx, spec, agenttest.Open, agent.RunOptions{Ready: func(err error) { ready <- err }})
	}()
	noError(t, <-ready)
	c := agent.NewClient(spec.SocketPath())
	noError(t, c.Start(ctx, "a"))
	st, err := c.Status(ctx)
	noError(t, err)
	if a := st.Machines[0]; a.Network != "office" || a.Address.String() != "192.168.1.10" {
		t.Errorf("machine %+v", a)
	}
	if _, err := c.DialNetwork(ctx, "office", "203.0.113.7:443"); !errors.Is(err, network.ErrOutside) {
		t.Errorf("dial outside: %v", err)
	}
	cancel()
	noError(t, <-ended)
}
