package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
	"github.com/patchlab/patchlab/lab/guest"
)

// failSave is the file beside the sockets that makes saving "web" fail.
const failSave = "fail-save"

// simHypervisor is agenttest's with a process for each machine. It keeps the
// memory of machines that have no file of their own for it beside the sockets,
// where simGuest finds it.
type simHypervisor struct {
	*agenttest.Hypervisor

	runDir  string
	mu      sync.Mutex
	private map[string]string // path of the memory, by machine
}

func newSimHypervisor(spec *agent.Spec) *simHypervisor {
	return &simHypervisor{Hypervisor: agenttest.New(spec, agenttest.WithProcesses), runDir: spec.RunDir, private: map[string]string{}}
}

func (h *simHypervisor) Start(ctx context.Context, m agent.MachineSpec) error {
	if err := h.Hypervisor.Start(ctx, m); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.private, m.Name)
	if m.RAM != nil && m.RAM.Shared {
		return nil
	}
	path := filepath.Join(filepath.Dir(m.ConsoleSocket), "memory-"+m.Name)
	h.private[m.Name] = path
	return os.WriteFile(path, []byte(h.Memory(m.Name)), 0o600)
}

func (h *simHypervisor) Save(ctx context.Context, name, path string) error {
	h.mu.Lock()
	private := h.private[name]
	h.mu.Unlock()
	if _, err := os.Stat(filepath.Join(h.runDir, failSave)); err == nil && name == "web" {
		return errBroken
	}
	if private != "" {
		b, err := os.ReadFile(private)
		if err != nil {
			return err
		}
		h.SetMemory(name, string(b))
	}
	return h.Hypervisor.Save(ctx, name, path)
}

// simGuest is a simulated machine over SSH: it really looks at the machine's
// memory and at its disk with all that this stands on.
type simGuest struct {
	guest.Config
	atStep func(string)
}

// spec is the machine as its instance has it now.
func (g *simGuest) spec() (*agent.MachineSpec, error) {
	s, err := agent.ReadSpec(filepath.Join(filepath.Dir(g.ConsoleLog), specFile))
	if err != nil {
		return nil, err
	}
	return s.Machine(g.Config.Machine.Name), nil
}

// memory is where the machine's memory is.
func (g *simGuest) memory() (string, error) {
	m, err := g.spec()
	if err != nil {
		return "", err
	}
	if m.RAM != nil && m.RAM.Shared {
		return m.RAM.Path, nil
	}
	return filepath.Join(filepath.Dir(m.ConsoleSocket), "memory-"+m.Name), nil
}

// lines reads the text that a memory begins with.
func (g *simGuest) lines() ([]string, error) {
	path, err := g.memory()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 4096)
	n, _ := f.Read(b) // nothing: an empty memory
	text, _, _ := strings.Cut(string(b[:n]), "\x00")
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n"), nil
}

func (g *simGuest) write(lines []string) error {
	path, err := g.memory()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	text := strings.Join(lines, "\n") + "\n"
	if filepath.Ext(path) == ramSuffix {
		text += "\x00"
	} else if err := f.Truncate(0); err != nil {
		return errors.Join(err, f.Close())
	}
	_, err = f.WriteAt([]byte(text), 0)
	return errors.Join(err, f.Close())
}

// unmarked is the line on a disk that takes away all markers before it.
const unmarked = "no markers"

// onDisk reads what the machine's disk holds, through its backing files.
func (g *simGuest) onDisk() ([]string, error) {
	m, err := g.spec()
	if err != nil {
		return nil, err
	}
	var all []string
	hidden := false
	for path := m.Disks[0].Path; path != ""; {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read disk: %w", err)
		}
		first, text, _ := strings.Cut(string(b), "\n")
		if hidden {
			text = strings.ReplaceAll(text, "marker ", "hidden ")
		}
		if i := strings.LastIndex(text, unmarked); i >= 0 {
			text, hidden = strings.ReplaceAll(text[:i], "marker ", "hidden ")+text[i:], true
		}
		all = append(all, strings.Split(text, "\n")...)
		_, base, _ := strings.Cut(first, " -b ")
		path, _, _ = strings.Cut(base, " ")
	}
	return all, nil
}

// note appends a line to the disk.
func (g *simGuest) note(text string) error {
	m, err := g.spec()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(m.Disks[0].Path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, text)
	return errors.Join(err, f.Close())
}

// up says whether anybody would answer.
func (g *simGuest) up(ctx context.Context) error {
	if err := g.Alive(ctx); err != nil {
		return &lab.GuestError{Machine: g.Config.Machine.Name, Op: "connect", Err: err}
	}
	_, err := g.lines()
	return err
}

func (g *simGuest) Machine() *lab.Machine { return g.Config.Machine }
func (g *simGuest) Close() error          { return nil }
func (g *simGuest) DialContext(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("there is nobody")
}

func (g *simGuest) WaitReady(ctx context.Context, _ time.Duration, _ lab.Progress) error {
	return g.up(ctx)
}
func (g *simGuest) Connect(ctx context.Context, _ time.Duration) error { return g.up(ctx) }
func (g *simGuest) FreezeUpdaters(ctx context.Context) error           { return g.up(ctx) }
func (g *simGuest) Trim(ctx context.Context) error                     { return g.up(ctx) }
func (g *simGuest) Reboot(ctx context.Context, _ lab.Progress) error   { return g.up(ctx) }
func (g *simGuest) Settle(ctx context.Context, _ lab.Progress) error   { return g.up(ctx) }

func (g *simGuest) Rest(ctx context.Context, _ time.Duration, _ lab.Progress) (string, error) {
	return "", g.up(ctx)
}

func (g *simGuest) Upload(ctx context.Context, src, dst string, _ fs.FileMode, _ lab.Progress) error {
	return errors.Join(g.up(ctx), g.note("uploaded "+src+" to "+dst))
}

func (g *simGuest) Run(ctx context.Context, c lab.Command) (lab.Output, error) {
	g.atStep("ssh run")
	return lab.Output{}, errors.Join(g.up(ctx), g.note("ran "+c.Shell))
}

func (g *simGuest) Plant(ctx context.Context, nonce string) error {
	g.atStep("ssh plant")
	lines, err := g.lines()
	if err := errors.Join(g.up(ctx), err); err != nil {
		return err
	}
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "nonce ") || strings.HasPrefix(l, "marker ") })
	return errors.Join(g.write(append(lines, "nonce "+nonce)), g.note(unmarked))
}

func (g *simGuest) Wake(ctx context.Context, w guest.Waking) (guest.Woken, error) {
	g.atStep("ssh wake")
	memory, err := g.lines()
	disk, derr := g.onDisk()
	if err := errors.Join(g.up(ctx), err, derr); err != nil {
		return guest.Woken{}, err
	}
	woken := guest.Woken{NonceEqual: slices.Contains(memory, "nonce "+w.Nonce)}
	for _, l := range slices.Concat(memory, disk) {
		if m, ok := strings.CutPrefix(l, "marker "); ok && !slices.Contains(woken.Markers, "marker-"+m) {
			woken.Markers = append(woken.Markers, "marker-"+m)
		}
	}
	if w.Marker == "" {
		return woken, nil
	}
	return woken, errors.Join(g.write(append(memory, "marker "+w.Marker)), g.note("marker "+w.Marker))
}

// simLab is small: a run of it takes no time.
func simLab() *lab.Lab {
	img := testImage()
	office := &lab.Network{
		Name: "office", Domain: "harbour.lan", MTU: 1500, Routed: true,
		Subnet: netip.MustParsePrefix("192.168.1.0/24"), Gateway: netip.MustParseAddr("192.168.1.1"),
	}
	machine := func(name string, n byte) *lab.Machine {
		return &lab.Machine{
			Name: name, Image: img, MemoryMiB: 8, CPUs: 1, Firmware: lab.BIOS, Bus: lab.BusVirtio, NICModel: lab.NICVirtio,
			NICs:        []lab.NIC{{Network: office, MAC: net.HardwareAddr{0x52, 0x54, 0, 0, 0, n}, Address: netip.AddrFrom4([4]byte{192, 168, 1, 10 + n})}},
			BootTimeout: time.Minute, Impact: lab.ImpactNormal,
		}
	}
	db, web := machine("db", 1), machine("web", 2)
	db.Setup = &lab.Setup{Run: []string{"create tables"}, Timeout: time.Minute}
	web.DependsOn = []*lab.Machine{db}
	return &lab.Lab{
		Name: "dental", Dir: "/labs/dental", Images: []*lab.Image{img}, Networks: []*lab.Network{office},
		Machines: []*lab.Machine{db, web},
		Patches:  []*lab.Patch{{Name: "update", Targets: []*lab.Machine{web}, Reboot: lab.RebootAlways, Timeout: time.Minute}},
		Checks:   []*lab.Check{{Name: "page", From: db, Severity: lab.Critical, Spec: &lab.HTTPCheck{}, Timeout: time.Second}},
	}
}

// simHost is a simulated host for a test in this process, and its engine.
func simHost(t *testing.T) *Engine {
	t.Helper()
	base := simBase(t)
	t.Setenv("PATH", filepath.Join(base, "bin")+":"+os.Getenv("PATH"))
	t.Setenv("PATCHLAB_MEMORY", "")
	return parentEngine(t, base)
}

// same is another process's engine on the same host.
func same(t *testing.T, e *Engine) *Engine {
	t.Helper()
	return parentEngine(t, filepath.Dir(e.Store.home))
}

// makeReady gets the ready state of l.
func makeReady(t *testing.T, e *Engine, l *lab.Lab) *ready {
	t.Helper()
	r, err := e.ready(t.Context(), l, folderLogs{e.Store.logsDir(), "ready-", l.Redactor()}, nobody{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReadyMadeOnce(t *testing.T) {
	e := simHost(t)
	var made [2]*ready
	var wg sync.WaitGroup
	for i, engine := range []*Engine{e, same(t, e)} {
		wg.Go(func() { made[i] = makeReady(t, engine, simLab()) })
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	if made[0].built == made[1].built || made[0].state.Key != made[1].state.Key {
		t.Errorf("made %v and %v", made[0].Record(), made[1].Record())
	}
	if again := makeReady(t, e, simLab()); again.built || again.state.Created != testTime {
		t.Errorf("the third time: %+v", again.Record())
	}
	if _, left := leftOf(t, e.Store, filepath.Dir(e.Store.home)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReadyOfChangedLab(t *testing.T) {
	e := simHost(t)
	plan := func(l *lab.Lab) ReadyPlan {
		t.Helper()
		p, err := e.Store.PlanReady(t.Context(), l, e.Accel)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	l := simLab()
	if p := plan(l); p.State != "none" {
		t.Errorf("at first: %+v", p)
	}
	first := makeReady(t, e, l)
	if p := plan(l); p.State != "ready" || p.Key != first.state.Key || p.Bytes == 0 {
		t.Errorf("when it is there: %+v", p)
	}
	l.Checks, l.Patches = nil, nil
	if p := plan(l); p.State != "ready" {
		t.Errorf("without checks and patches: %+v", p)
	}
	l.Machines[0].Setup.Run = append(l.Machines[0].Setup.Run, "fill tables")
	if p := plan(l); p.State != "stale" || len(p.Changed) != 1 || !strings.Contains(p.Changed[0], "set-up of db") {
		t.Errorf("with another set-up: %+v", p)
	}
	if second := makeReady(t, e, l); !second.built || second.state.Key == first.state.Key {
		t.Errorf("with another set-up: %+v", second.Record())
	}
}

// One that is broken, or of another patchlab's format, gives way.
func TestReadyThatCannotBeRead(t *testing.T) {
	e := simHost(t)
	first := makeReady(t, e, simLab())
	for _, text := range []string{"", "{}", `{"version": 0, "key": "` + first.state.Key + `"}`} {
		if err := os.WriteFile(first.state.path(readyFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := makeReady(t, e, simLab()); !r.built || r.state.Key != first.state.Key || r.state.dir != first.state.dir {
			t.Errorf("after %q: %+v", text, r.Record())
		}
	}
	if _, left := leftOf(t, e.Store, filepath.Dir(e.Store.home)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A ready state whose files were changed is not forked: another one is made.
func TestReadyOfChangedFiles(t *testing.T) {
	e := simHost(t)
	first := makeReady(t, e, simLab())
	path := first.state.path(first.state.Machines[0].State)
	if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said []string
	e.Say = func(line string) { said = append(said, line) }
	second := makeReady(t, e, simLab())
	if !second.built || second.state.Key != first.state.Key {
		t.Errorf("built %v, key %s after %s", second.built, second.state.Key, first.state.Key)
	}
	if len(said) == 0 || !strings.Contains(said[0], "made anew") {
		t.Errorf("said %q", said)
	}
	if third := makeReady(t, e, simLab()); third.built {
		t.Error("the new one was not used")
	}
}

// A file of the set-up is read while the ready state is made: one that changes
// then would be kept under the wrong key.
func TestReadyOfLabThatChangesMeanwhile(t *testing.T) {
	e := simHost(t)
	l := simLab()
	file := filepath.Join(t.TempDir(), "schema.sql")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	write("one")
	l.Machines[0].Setup.Uploads = []lab.Upload{{Source: file, Dest: "/root/schema.sql"}}
	e.Store.atStep = func(step string) {
		if step == "machines" {
			write("two")
		}
	}
	_, err := e.Ready(t.Context(), l, folderLogs{e.Store.logsDir(), "ready-", l.Redactor()}, nobody{})
	var usage *lab.UsageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "set-up of db") {
		t.Errorf("error is %v", err)
	}
	if _, left := leftOf(t, e.Store, filepath.Dir(e.Store.home)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestForkNeeds(t *testing.T) {
	l := simLab()
	l.Machines[0].MemoryMiB, l.Machines[1].MemoryMiB = 2048, 2048
	r := &readyState{dir: t.TempDir(), Accel: agent.AccelTCG, Memory: memoryFork}
	all := 2048 + beyondMiB(r.Accel)
	total := func(own bool, want int) {
		t.Helper()
		needs, sum := r.needs(l, own)
		if sum != want || needs["db"]+needs["web"] != want {
			t.Errorf("needs are %v, %d together; want %d", needs, sum, want)
		}
	}
	total(false, 2*all) // nothing was seen yet
	see := func(db int) {
		r.measure(&agent.Status{Machines: []agent.MachineStatus{{Name: "db", Memory: agent.MemoryUse{AnonMiB: db}}}})
	}
	see(400)
	total(false, all+400*5/4+64)
	see(100) // the most of all forks counts
	total(false, all+400*5/4+64)
	total(true, 2*all)
	see(9000)
	total(false, 2*all) // never more than there can be
	r.Memory = memoryRestore
	see(400)
	total(false, 2*all)
}

// Without a file for the memory everything goes the same way.
func TestRestoredMemory(t *testing.T) {
	e := simHost(t)
	t.Setenv("PATCHLAB_MEMORY", memoryRestore)
	if _, err := simRun(t.Context(), e, simLab()); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := e.Up(ctx, simLab(), nobody{}); err != nil {
		t.Fatal(err)
	}
	if err := e.Up(ctx, simLab(), nobody{}); !errors.As(err, new(*lab.BusyError)) {
		t.Errorf("up a second time: %v", err)
	}
	if _, err := e.Snapshot(ctx, "dental", "a", nil); err != nil {
		t.Fatal(err)
	}
	rec, err := e.Revert(ctx, "dental", "a", true, nil)
	if err != nil || !rec.Proven {
		t.Errorf("revert: %+v (%v)", rec, err)
	}
	if err := e.Down(ctx, "dental"); err != nil {
		t.Fatal(err)
	}
	converge(t, filepath.Dir(e.Store.home), 0)
}
