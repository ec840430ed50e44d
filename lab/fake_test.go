package lab_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// world is a host, its guests, checks and patches, all scripted. Maps of
// errors have keys such as "web", for every arm, or "control web".
type world struct {
	t   *testing.T
	dir string

	mu        sync.Mutex
	booted    []string
	forked    []lab.Arm
	patient   map[lab.Arm]bool
	alive     int // instances
	mostAlive int
	destroyed int
	applied   map[lab.Arm][]string // machines that the patch was put on, in order
	rebooted  map[lab.Arm][]string // sorted
	phases    map[string]bool      // "<arm> <machine> <phase>"
	closed    int                  // connections
	takenOut  []string             // machines that the patch was taken out of, in order
	pins      int
	proved    []string
	full      bool // what Prove was asked

	bootErr    map[string]error            // by machine
	runExit    map[string]int              // by command, of set-up
	outcome    map[string]lab.PatchOutcome // applied by default
	applyErr   map[string]error
	rebootErr  map[string]error
	pending    map[string]string // why a machine asks for a reboot once it is patched
	pendingFor int               // how many reboots it asks for; 1 by default
	asksBefore map[string]string // why it asks for one before
	notIn      map[string]string // Confirm: why the patch is not in, once the machine was rebooted
	stale      map[string][]string
	undo       map[string]lab.BackoutOutcome // taken out by default
	undoErr    map[string]error
	surveyor   bool
	checks     lab.CheckRunner // instead of the world's own
	// state changes what a survey of a machine finds.
	state func(m *lab.Machine, at moment, items map[lab.StateKind]map[string]string)
	// blind says whether a survey of a machine fails, gaps what each survey of
	// it could not look at.
	blind       func(m *lab.Machine, at moment) bool
	gaps        map[string][]string
	readyErr    error
	forkErr     map[lab.Arm]error
	busy        bool // the memory holds one instance only
	unsound     map[lab.Arm]error
	soundFor    int              // calls in the patched arm before unsound is told
	hangs       map[lab.Arm]bool // Apply goes on until its context ends; in the control arm the checks do
	diagnosis   map[string]lab.Diagnosis
	destroyErr  error
	egressErr   error
	receipt     *lab.Receipt // proven by default
	beforeStart bool         // applyErr comes before the patch is begun
	pinChanges  bool
	noControl   bool
	verify      bool
	// fails says whether a check fails.
	fails  func(check string, at moment) bool
	during func(step string) // called at each effect, one at a time
}

// moment is when a check is made.
type moment struct {
	arm      lab.Arm // of the instance
	patched  int     // machines there
	rebooted int
	times    int // that this check was made in the instance before
}

func (w *world) step(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.during != nil {
		w.during(fmt.Sprintf(format, args...))
	}
}

// of gives the value for an arm's machine.
func of[T any](values map[string]T, arm lab.Arm, m *lab.Machine) (v T, ok bool) {
	if v, ok = values[string(arm)+" "+m.Name]; !ok {
		v, ok = values[m.Name]
	}
	return v, ok
}

func (w *world) Ready(ctx context.Context, l *lab.Lab, logs lab.Logs, o lab.Observer) (lab.Ready, error) {
	w.step("ready")
	if w.readyErr != nil {
		return nil, w.readyErr
	}
	if _, err := lab.Boot(ctx, w, l, logs, lab.ArmReady, o); err != nil {
		log, _ := logs.Log("console-db.log")
		fmt.Fprintln(log, "the console says hunter22")
		return nil, errors.Join(err, log.Close())
	}
	return w, nil
}

func (w *world) Boot(ctx context.Context, m *lab.Machine, _ lab.Progress) (lab.Guest, error) {
	w.step("boot %s", m.Name)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.bootErr[m.Name]; err != nil {
		return nil, err
	}
	w.booted = append(w.booted, m.Name)
	return &guestFake{instance: &instance{world: w, arm: lab.ArmReady}, m: m}, nil
}

func (w *world) Record() lab.ReadyRecord         { return lab.ReadyRecord{Key: "beef", Built: true} }
func (w *world) ImageSHA256(*lab.Machine) string { return "cafe" }

func (w *world) Fork(ctx context.Context, arm lab.Arm, patient bool, _ lab.Progress) (lab.Instance, error) {
	w.step("fork %s", arm)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.forkErr[arm]; err != nil {
		return nil, err
	}
	if w.busy && w.alive > 0 {
		if patient {
			w.t.Error("waits for memory that the run itself holds")
		}
		return nil, &lab.BusyError{What: "memory", Holder: "lab \"hunter22\""}
	}
	w.forked = append(w.forked, arm)
	w.patient[arm] = patient
	w.alive++
	w.mostAlive = max(w.mostAlive, w.alive)
	i := &instance{world: w, arm: arm, id: fmt.Sprintf("00c0ffee-%s", arm), made: map[string]int{}}
	for _, m := range []string{"web", "db", "desk"} {
		_ = os.WriteFile(i.console(m), []byte("console of "+m+" in "+string(arm)+": hunter22\n"), 0o600)
	}
	return i, nil
}

func (w *world) Prove(_ context.Context, instances []string, full bool, _ lab.Progress) lab.Receipt {
	w.step("prove")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.alive > 0 {
		w.t.Errorf("%d instances are still there at the proof", w.alive)
	}
	w.proved, w.full = instances, full
	if w.receipt != nil {
		return *w.receipt
	}
	return lab.Receipt{Proven: true, Instances: instances, Nonce: true, Marker: true, Layers: true, Gone: true}
}

func (w *world) RunCheck(ctx context.Context, c *lab.Check, at lab.Place) lab.CheckResult {
	i := at.Dialer.(interface{ where() *instance }).where()
	w.step("%s: check %s", i.arm, c.Name)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hangs[i.arm] && i.arm == lab.ArmControl {
		w.mu.Unlock()
		<-ctx.Done()
		w.mu.Lock()
		return lab.CheckResult{Message: "interrupted"}
	}
	now := moment{arm: i.arm, patched: i.patched, rebooted: i.reboots, times: i.made[c.Name]}
	i.made[c.Name]++
	if w.fails != nil && w.fails(c.Name, now) {
		return lab.CheckResult{Message: "status 500, want 200 (password hunter22)", Attempts: 3}
	}
	return lab.CheckResult{Passed: true, Message: "as wanted", Attempts: 1}
}

func (w *world) Apply(ctx context.Context, _ *lab.Patch, g lab.Guest, log io.Writer, _ lab.Progress) (lab.PatchOutcome, error) {
	i, m := g.(*guestFake).instance, g.Machine()
	w.step("%s: apply %s", i.arm, m.Name)
	fmt.Fprintln(log, "unpacking; the password is hunter22")
	w.mu.Lock()
	i.patched++
	w.applied[i.arm] = append(w.applied[i.arm], m.Name)
	w.mu.Unlock()
	if w.hangs[i.arm] {
		<-ctx.Done()
		return lab.PatchOutcome{Started: true}, ctx.Err()
	}
	if err, ok := of(w.applyErr, i.arm, m); ok && err != nil {
		return lab.PatchOutcome{Started: !w.beforeStart}, err
	}
	if o, ok := of(w.outcome, i.arm, m); ok {
		return o, nil
	}
	return lab.PatchOutcome{Status: lab.Applied, Started: true}, nil
}

func (w *world) Confirm(_ context.Context, _ *lab.Patch, g lab.Guest, _ lab.PatchOutcome) (in bool, message string, err error) {
	i, m := g.(*guestFake).instance, g.Machine()
	w.mu.Lock()
	defer w.mu.Unlock()
	why, ok := of(w.notIn, i.arm, m)
	if ok && slices.Contains(w.rebooted[i.arm], m.Name) {
		return false, why, nil
	}
	return true, "version 2 is in", nil
}

func (w *world) Stale(_ context.Context, g lab.Guest) ([]string, error) {
	return w.stale[g.Machine().Name], nil
}

func (w *world) Backout(_ context.Context, _ *lab.Patch, g lab.Guest, _ lab.PatchOutcome, log io.Writer, _ lab.Progress) (lab.BackoutOutcome, error) {
	i, m := g.(*guestFake).instance, g.Machine()
	w.step("%s: take out %s", i.arm, m.Name)
	fmt.Fprintln(log, "removing; the password is hunter22")
	w.mu.Lock()
	defer w.mu.Unlock()
	i.takenOut++
	w.takenOut = append(w.takenOut, m.Name)
	if o, ok := w.undo[m.Name]; ok {
		return o, w.undoErr[m.Name]
	}
	return lab.BackoutOutcome{Status: lab.TakenOut, Message: "removed"}, w.undoErr[m.Name]
}

func (w *world) RebootPending(_ context.Context, g lab.Guest) (bool, string, error) {
	i, m := g.(*guestFake).instance, g.Machine()
	w.mu.Lock()
	defer w.mu.Unlock()
	if reason := w.asksBefore[m.Name]; reason != "" {
		return true, reason, nil
	}
	times := 0
	for _, name := range w.rebooted[i.arm] {
		if name == m.Name {
			times++
		}
	}
	reason := w.pending[m.Name]
	return reason != "" && slices.Contains(w.applied[i.arm], m.Name) && times < max(1, w.pendingFor), reason, nil
}

func (w *world) Survey(_ context.Context, g lab.Guest, _ lab.Progress) (*lab.State, error) {
	i, m := g.(*guestFake).instance, g.Machine()
	w.step("%s: survey %s", i.arm, m.Name)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := moment{arm: i.arm, patched: i.patched - i.takenOut, rebooted: i.reboots}
	if w.blind != nil && w.blind(m, now) {
		return nil, &lab.GuestError{Machine: m.Name, Op: "take stock of", Err: errors.New("no answer (hunter22)")}
	}
	items := map[lab.StateKind]map[string]string{
		lab.StateOS:      {"build": "Debian hunter22 GNU/Linux 12 (bookworm)", "kernel": "6.1.0-50-cloud-amd64 #1 SMP Debian 6.1.172-1"},
		lab.StatePackage: {"app:all": "1"}, lab.StateService: {"app.service": "active enabled"},
	}
	if w.state != nil {
		w.state(m, now, items)
	}
	return &lab.State{Items: items, Gaps: w.gaps[m.Name]}, nil
}

func (w *world) pin(p *lab.Patch) (lab.PatchRecord, error) {
	w.pins++
	rec := lab.PatchRecord{Name: p.Name, SHA256: "aa"}
	if w.pinChanges && w.pins > 1 {
		rec.SHA256 = "bb"
	}
	return rec, nil
}

func (w *world) Begin(arm lab.Arm, machine, phase string) (lab.Progress, func(error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phases[strings.Join(strings.Fields(string(arm)+" "+machine+" "+phase), " ")] = true
	return lab.Quiet(nil), func(error) {}
}

// test makes one run of the first patch.
func (w *world) test(ctx context.Context, l *lab.Lab) (*lab.Record, error) {
	t := &lab.Tester{
		Host: w, Checks: w, Patcher: w, Pin: w.pin, Observer: w, RunsDir: w.runs(),
		Tool: lab.ToolRecord{Patchlab: "test"}, NoControl: w.noControl, Verify: w.verify,
	}
	if w.surveyor {
		t.Surveyor = w
	}
	if w.checks != nil {
		t.Checks = w.checks
	}
	return t.Test(ctx, l, l.Patches[0])
}

func (w *world) runs() string { return filepath.Join(w.dir, "runs") }

func newWorld(t *testing.T) *world {
	w := &world{}
	w.in(t)
	return w
}

// in makes w the world of one test.
func (w *world) in(t *testing.T) {
	w.t, w.dir = t, t.TempDir()
	w.patient, w.applied, w.rebooted, w.phases = map[lab.Arm]bool{}, map[lab.Arm][]string{}, map[lab.Arm][]string{}, map[string]bool{}
}

// practice is a lab: db <- web (high impact) <- desk.
func practice() *lab.Lab {
	office := &lab.Network{Name: "office"}
	nics := []lab.NIC{{Network: office}}
	image := &lab.Image{Name: "server", OS: lab.Linux}
	db := &lab.Machine{Name: "db", Image: image, NICs: nics, Impact: lab.ImpactNormal, Setup: &lab.Setup{Run: []string{"create tables"}}}
	web := &lab.Machine{Name: "web", Image: image, NICs: nics, Impact: lab.ImpactHigh, DependsOn: []*lab.Machine{db}}
	desk := &lab.Machine{Name: "desk", Image: image, NICs: nics, Impact: lab.ImpactLow, DependsOn: []*lab.Machine{web}}
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
