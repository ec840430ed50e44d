package lab_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// world is a host, its guests, checks and patches, all scripted.
type world struct {
	t   *testing.T
	dir string

	mu        sync.Mutex
	booted    []string
	patched   []string
	rebooted  []string
	destroyed int
	pins      int

	bootErr     map[string]error            // by machine
	runExit     map[string]int              // by command, of set-up
	outcome     map[string]lab.PatchOutcome // by machine; applied by default
	applyErr    map[string]error
	rebootErr   map[string]error
	pending     map[string]string // why a machine asks for a reboot
	destroyErr  error
	newErr      error
	unsound     error // from the first patched machine on
	beforeStart bool  // applyErr comes before the patch is begun
	pinChanges  bool
	// fails says whether a check fails, given how many machines were patched.
	fails  func(check string, patched int) bool
	during func(step string) // called at each effect
}

func (w *world) step(format string, args ...any) {
	if w.during != nil {
		w.during(fmt.Sprintf(format, args...))
	}
}

func (w *world) NewInstance(_ context.Context, _ *lab.Lab, _ lab.Arm, _ lab.Progress) (lab.Instance, error) {
	w.step("new")
	if w.newErr != nil {
		return nil, w.newErr
	}
	return &instance{w}, nil
}

type instance struct{ *world }

func (i *instance) ID() string                       { return "00c0ffee" }
func (i *instance) Gateway(*lab.Network) lab.Dialer  { return nowhere{} }
func (i *instance) ImageSHA256(*lab.Machine) string  { return "cafe" }
func (i *instance) ConsoleLog(m *lab.Machine) string { return filepath.Join(i.dir, m.Name) }

func (i *instance) Egress(context.Context) ([]lab.EgressAttempt, error) {
	return []lab.EgressAttempt{{Machine: "web", Protocol: "dns", To: "time.example", Count: 3}}, nil
}

func (i *instance) Sound(context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.patched) == 0 {
		return nil
	}
	return i.unsound
}

func (i *instance) Boot(ctx context.Context, m *lab.Machine, _ lab.Progress) (lab.Guest, error) {
	i.step("boot %s", m.Name)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.bootErr[m.Name]; err != nil {
		return nil, err
	}
	i.booted = append(i.booted, m.Name)
	return &guestFake{world: i.world, m: m}, nil
}

func (i *instance) Destroy(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if ctx.Err() != nil {
		return errors.New("destroy was given a context that has ended")
	}
	i.destroyed++
	return i.destroyErr
}

type nowhere struct{}

func (nowhere) DialContext(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("nowhere")
}

type guestFake struct {
	*world
	nowhere
	m *lab.Machine
}

func (g *guestFake) Machine() *lab.Machine { return g.m }
func (g *guestFake) Close() error          { return nil }

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
	g.step("reboot %s", g.m.Name)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rebooted = append(g.rebooted, g.m.Name)
	return g.rebootErr[g.m.Name]
}

func (w *world) RunCheck(_ context.Context, c *lab.Check, _ lab.Place) lab.CheckResult {
	w.step("check %s", c.Name)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails != nil && w.fails(c.Name, len(w.patched)) {
		return lab.CheckResult{Message: "status 500, want 200 (password hunter22)", Attempts: 3}
	}
	return lab.CheckResult{Passed: true, Message: "as wanted", Attempts: 1}
}

func (w *world) Apply(_ context.Context, _ *lab.Patch, g lab.Guest, log io.Writer, _ lab.Progress) (lab.PatchOutcome, error) {
	name := g.Machine().Name
	w.step("apply %s", name)
	fmt.Fprintln(log, "unpacking; the password is hunter22")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.patched = append(w.patched, name)
	if err := w.applyErr[name]; err != nil {
		return lab.PatchOutcome{Started: !w.beforeStart}, err
	}
	if o, ok := w.outcome[name]; ok {
		return o, nil
	}
	return lab.PatchOutcome{Status: lab.Applied, Started: true}, nil
}

func (w *world) RebootPending(_ context.Context, g lab.Guest) (bool, string, error) {
	reason := w.pending[g.Machine().Name]
	return reason != "", reason, nil
}

func (w *world) pin(p *lab.Patch) (lab.PatchRecord, error) {
	w.pins++
	rec := lab.PatchRecord{Name: p.Name, SHA256: "aa"}
	if w.pinChanges && w.pins > 1 {
		rec.SHA256 = "bb"
	}
	return rec, nil
}

func (w *world) Begin(lab.Arm, string, string) (lab.Progress, func(error)) {
	return lab.Quiet(nil), func(error) {}
}

// test makes one run of the first patch.
func (w *world) test(ctx context.Context, l *lab.Lab) (*lab.Record, error) {
	t := &lab.Tester{
		Host: w, Checks: w, Patcher: w, Pin: w.pin, Observer: w, RunsDir: w.runs(),
		Tool: lab.ToolRecord{Patchlab: "test"},
	}
	return t.Test(ctx, l, l.Patches[0])
}

func (w *world) runs() string { return filepath.Join(w.dir, "runs") }

// practice is a lab: db <- web (high impact) <- desk.
func practice() *lab.Lab {
	office := &lab.Network{Name: "office"}
	nics := []lab.NIC{{Network: office}}
	db := &lab.Machine{Name: "db", NICs: nics, Impact: lab.ImpactNormal, Setup: &lab.Setup{Run: []string{"create tables"}}}
	web := &lab.Machine{Name: "web", NICs: nics, Impact: lab.ImpactHigh, DependsOn: []*lab.Machine{db}}
	desk := &lab.Machine{Name: "desk", NICs: nics, Impact: lab.ImpactLow, DependsOn: []*lab.Machine{web}}
	return &lab.Lab{
		Name: "dental", Secrets: []string{"hunter22"},
		Networks: []*lab.Network{office},
		Machines: []*lab.Machine{web, db, desk},
		Patches:  []*lab.Patch{{Name: "update", Targets: []*lab.Machine{web, db}, Reboot: lab.RebootAuto}},
		Checks: []*lab.Check{
			{Name: "page", From: desk, Severity: lab.Critical, Spec: &lab.HTTPCheck{}},
			{Name: "speed", FromNet: office, Severity: lab.Warning, Spec: &lab.HTTPCheck{}},
		},
	}
}
