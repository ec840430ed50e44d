package lab_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

type instance struct {
	*world
	arm      lab.Arm
	id       string
	patched  int
	reboots  int
	takenOut int
	made     map[string]int // checks
}

func (i *instance) console(m string) string          { return filepath.Join(i.dir, string(i.arm)+"-"+m) }
func (i *instance) ID() string                       { return i.id }
func (i *instance) Guest(m *lab.Machine) lab.Guest   { return &guestFake{instance: i, m: m} }
func (i *instance) Gateway(*lab.Network) lab.Dialer  { return nowhere{i} }
func (i *instance) ConsoleLog(m *lab.Machine) string { return i.console(m.Name) }

func (i *instance) Egress(context.Context) ([]lab.EgressAttempt, error) {
	return []lab.EgressAttempt{{Machine: "web", Protocol: "dns", To: "time.example", Count: 3}}, i.egressErr
}

// Sound finds the fault of this host from the first patched machine on, in the
// control arm at once.
func (i *instance) Sound(context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.patched == 0 && i.arm != lab.ArmControl {
		return i.unsound[lab.ArmBaseline]
	}
	if i.soundFor--; i.soundFor >= 0 {
		return nil
	}
	return i.unsound[i.arm]
}

func (i *instance) Diagnose(ctx context.Context, m *lab.Machine) lab.Diagnosis {
	i.step("diagnose %s", m.Name)
	if _, limited := ctx.Deadline(); !limited {
		i.t.Error("the diagnosis has no limit")
	}
	d, ok := of(i.diagnosis, i.arm, m)
	if !ok {
		d.Condition = lab.SSHGone
	}
	return d
}

func (i *instance) Destroy(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if ctx.Err() != nil {
		return errors.New("destroy was given a context that has ended")
	}
	i.destroyed++
	i.alive--
	return i.destroyErr
}

// nowhere is a place in an instance, from which nothing is reached.
type nowhere struct{ *instance }

func (nowhere) DialContext(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("nowhere")
}

func (n nowhere) where() *instance { return n.instance }

type guestFake struct {
	*instance
	m *lab.Machine
}

func (g *guestFake) where() *instance { return g.instance }

func (g *guestFake) DialContext(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("nowhere")
}

func (g *guestFake) Machine() *lab.Machine { return g.m }

func (g *guestFake) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed++
	return nil
}

func (g *guestFake) Settle(ctx context.Context, _ lab.Progress) error { return ctx.Err() }

func (g *guestFake) Run(_ context.Context, c lab.Command) (lab.Output, error) {
	g.step("run %s", c.Shell)
	fmt.Fprintf(c.Stdout, "output of %s\n", c.Shell)
	return lab.Output{ExitCode: g.runExit[c.Shell], Stdout: []byte("last words\n")}, nil
}

func (g *guestFake) Upload(context.Context, string, string, fs.FileMode, lab.Progress) error {
	return nil
}

func (g *guestFake) Reboot(context.Context, lab.Progress) error {
	g.step("%s: reboot %s", g.arm, g.m.Name)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reboots++
	g.rebooted[g.arm] = append(g.rebooted[g.arm], g.m.Name)
	slices.Sort(g.rebooted[g.arm])
	err, _ := of(g.rebootErr, g.arm, g.m)
	return err
}
