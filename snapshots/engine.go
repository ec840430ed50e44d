package snapshots

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/guest"
)

// takeDownLimit is how long it may take to undo an instance that did not come
// up.
const takeDownLimit = 2 * time.Minute

// Engine makes instances: files by the Store, a process by package agent,
// connections by package guest. It is a lab.Host.
type Engine struct {
	Store     *Store
	Accel     string        // "kvm" or "tcg", see ChooseAccel
	AgentArgv []string      // the command that becomes an agent, without the path of the spec
	Wait      time.Duration // how long memory that others hold is waited for
	// Say is told what the user should know once, such as that memory cannot
	// be forked on this host. May be nil.
	Say func(line string)

	// reach makes the SSH side of a machine; nil: package guest's.
	reach func(guest.Config) sshGuest
}

// sshGuest is a machine as the engine needs it: *guest.Guest.
type sshGuest interface {
	lab.Guest
	WaitReady(ctx context.Context, timeout time.Duration, p lab.Progress) error
	Connect(ctx context.Context, limit time.Duration) error
	FreezeUpdaters(ctx context.Context) error
	Rest(ctx context.Context, limit time.Duration, p lab.Progress) (why string, err error)
	Trim(ctx context.Context) error
	Plant(ctx context.Context, nonce string) error
	Wake(ctx context.Context, w guest.Waking) (guest.Woken, error)
}

// instance is one running copy of a lab. It is a lab.Instance.
type instance struct {
	engine *Engine
	files  *InstanceFiles
	client *agent.Client
	proc   *agent.Process // nil when another process launched it
	from   *readyState    // nil while one is made
	guests map[string]sshGuest
	nonces map[string]string // by machine: what its memory is to hold
}

// ID implements lab.Instance.
func (i *instance) ID() string { return i.files.Spec.ID }

// ConsoleLog implements lab.Instance.
func (i *instance) ConsoleLog(m *lab.Machine) string { return consoleLog(i.files.Spec, m.Name) }

// Guest implements lab.Instance.
func (i *instance) Guest(m *lab.Machine) lab.Guest { return i.guests[m.Name] }

// Diagnose implements lab.Instance.
func (i *instance) Diagnose(ctx context.Context, m *lab.Machine) lab.Diagnosis {
	return diagnose(ctx, i.client, m.Name, i.ConsoleLog(m))
}

// Egress implements lab.Instance.
func (i *instance) Egress(ctx context.Context) ([]lab.EgressAttempt, error) {
	return i.client.Egress(ctx)
}

// Gateway implements lab.Instance.
func (i *instance) Gateway(n *lab.Network) lab.Dialer {
	return gateway{client: i.client, network: n.Name}
}

var _ lab.Pinger = gateway{}

// gateway dials into a lab from the gateway of one network.
type gateway struct {
	client  *agent.Client
	network string
}

// DialContext implements lab.Dialer.
func (g gateway) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	switch network {
	case "tcp":
		return g.client.DialNetwork(ctx, g.network, addr)
	case "udp":
		return g.client.DialUDP(ctx, g.network, addr)
	}
	return nil, fmt.Errorf("cannot dial %s from a gateway: only tcp and udp are possible", network)
}

// Ping implements lab.Pinger.
func (g gateway) Ping(ctx context.Context, host string, count int) (answered int, fastest time.Duration, err error) {
	return g.client.Ping(ctx, g.network, host, count)
}

// Boot implements lab.Booter.
func (i *instance) Boot(ctx context.Context, m *lab.Machine, p lab.Progress) (lab.Guest, error) {
	lab.Quiet(p).Step("starting QEMU")
	if err := i.client.Start(ctx, m.Name); err != nil {
		return nil, &lab.HostError{Op: fmt.Sprintf("start machine %q", m.Name), Err: err, Hint: "patchlab doctor"}
	}
	g := i.guest(m)
	if err := g.WaitReady(ctx, m.BootTimeout, p); err != nil {
		_ = g.Close()
		return nil, err
	}
	return g, nil
}

// guest returns the SSH side of m, not yet connected.
func (i *instance) guest(m *lab.Machine) sshGuest {
	reach := i.engine.reach
	if reach == nil {
		reach = func(c guest.Config) sshGuest { return guest.New(c) }
	}
	return reach(guest.Config{
		Machine: m,
		User:    SSHUser(m.Image.OS),
		Signer:  i.files.ClientKey,
		HostKey: i.files.HostKeys[m.Name],
		Dial: func(ctx context.Context) (net.Conn, error) {
			return i.client.DialMachine(ctx, m.Name, sshPort)
		},
		ConsoleLog: consoleLog(i.files.Spec, m.Name),
		Alive:      func(ctx context.Context) error { return i.alive(ctx, m) },
	})
}

// alive returns why m can never answer, or nil while it still may.
func (i *instance) alive(ctx context.Context, m *lab.Machine) error {
	st, err := i.status(ctx)
	if st == nil || err != nil {
		return err
	}
	k := slices.IndexFunc(st.Machines, func(s agent.MachineStatus) bool { return s.Name == m.Name })
	if k < 0 {
		return nil
	}
	switch s := st.Machines[k].State; s.State {
	case "off":
		return fmt.Errorf("it is off (%s)", s.Reason)
	case "crashed":
		return fmt.Errorf("it has crashed (%s)", s.Reason)
	}
	return consoleVerdict(consoleLog(i.files.Spec, m.Name))
}

// Sound implements lab.Instance.
func (i *instance) Sound(ctx context.Context) error {
	_, err := i.status(ctx)
	return err
}

// status asks the agent what the machines do, and returns a *lab.HostError
// when this host is at fault. An agent that does not answer just now gives
// neither.
func (i *instance) status(ctx context.Context) (*agent.Status, error) {
	st, err := i.client.Status(ctx)
	if errors.Is(err, agent.ErrNoAgent) && ctx.Err() == nil {
		return nil, &lab.HostError{Op: "go on with the instance", Err: errors.New("its agent is gone"), Hint: "dmesg tells whether memory ran out, df -h whether the disk did"}
	}
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // it may answer the next time
	}
	for _, m := range st.Machines {
		switch {
		case m.State.State == "crashed" && m.Reason != "panicked":
			return nil, &lab.HostError{Op: "go on with the instance", Err: fmt.Errorf("QEMU of machine %q died (%s)", m.Name, m.Reason), Hint: "dmesg tells whether memory ran out, df -h whether the disk did"}
		case m.State.State == "paused" && strings.HasPrefix(m.Reason, "io-error"):
			return nil, &lab.HostError{Op: "go on with the instance", Err: fmt.Errorf("machine %q cannot write its disk (%s)", m.Name, m.Reason), Hint: "df -h " + i.files.Spec.Dir}
		}
	}
	return st, nil
}

// Destroy implements lab.Instance.
func (i *instance) Destroy(ctx context.Context) error {
	for _, g := range i.guests {
		_ = g.Close()
	}
	if i.from != nil {
		if st, err := i.client.Usage(ctx); err == nil {
			i.from.measure(st)
		}
	}
	var stop error
	if i.proc != nil {
		stop = i.proc.Stop(ctx)
	} else {
		stop = i.client.Shutdown(ctx)
	}
	if stop != nil { // it was killed, or hangs: end what it left
		if err := agent.KillAgent(ctx, i.files.Spec); err != nil {
			return errors.Join(stop, err)
		}
		if err := agent.KillLeftovers(ctx, i.files.Spec, slog.New(slog.DiscardHandler)); err != nil {
			return errors.Join(stop, err)
		}
	}
	return i.engine.Store.RemoveInstance(ctx, i.files.Spec)
}

// takeDown destroys the instance, also when ctx has ended.
func (i *instance) takeDown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeDownLimit)
	defer cancel()
	if err := i.Destroy(ctx); err != nil {
		return &lab.LeftoverError{Instance: i.ID(), Err: err}
	}
	return nil
}

// consoleLog is the path of a machine's console log; empty for a machine that
// the instance does not have.
func consoleLog(spec *agent.Spec, machine string) string {
	for _, m := range spec.Machines {
		if m.Name == machine {
			return m.ConsoleLog
		}
	}
	return ""
}
