//go:build bench

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/snapshots"
)

// bencher is what a part measures with: the program, and the engine in this
// process, whose agents are the program.
type bencher struct {
	*world
	engine *snapshots.Engine
}

func newBencher(t *testing.T) *bencher {
	t.Helper()
	w := newWorld(t)
	engine, err := (&app{env: w.env, stderr: os.Stderr}).engine()
	if err != nil {
		t.Fatal(err)
	}
	engine.AgentArgv = []string{w.bin, "agent"}
	b := &bencher{world: w, engine: engine}
	b.load("begins")
	t.Cleanup(func() { b.load("ends") })
	return b
}

// load logs how busy this host is: without that a time says little.
func (b *bencher) load(when string) {
	text, err := os.ReadFile("/proc/loadavg")
	b.t.Logf("the part %s at a load of %s (%v)", when, strings.TrimSpace(string(text)), err)
}

// lab writes a lab of so many equal machines, and reads it.
func (b *bencher) lab(name string, machines, memoryMiB int) *lab.Lab {
	b.t.Helper()
	l, err := (&app{env: b.env}).load(equalMachines(b.t, name, machines, memoryMiB))
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

// ready returns the ready state of l, made if it is not there; o may be nil.
func (b *bencher) ready(l *lab.Lab, o lab.Observer) lab.Ready {
	b.t.Helper()
	if o == nil {
		o = &watch{}
	}
	r, err := b.engine.Ready(b.t.Context(), l, benchLogs(filepath.Join(b.home, "logs", "bench-"+l.Name+"-")), o)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// fork makes one fork, which ends with the test at the latest.
func (b *bencher) fork(r lab.Ready) (_ lab.Instance, seconds float64) {
	b.t.Helper()
	started := time.Now()
	inst, err := r.Fork(b.t.Context(), lab.ArmBaseline, false, lab.Quiet(nil))
	seconds = time.Since(started).Seconds()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { b.destroy(inst) }) // a second time is no error
	return inst, seconds
}

func (b *bencher) destroy(inst lab.Instance) {
	b.t.Helper()
	if err := inst.Destroy(context.WithoutCancel(b.t.Context())); err != nil {
		b.t.Error(err)
	}
}

// forked times one fork, which is destroyed again.
func (b *bencher) forked(r lab.Ready) float64 {
	b.t.Helper()
	inst, seconds := b.fork(r)
	b.destroy(inst)
	return seconds
}

// up brings a lab up by the program, until the test's end or down.
func (b *bencher) up(l *lab.Lab) float64 {
	b.t.Helper()
	b.t.Cleanup(func() {
		if _, err := b.engine.Store.Running(context.Background(), l.Name); err == nil {
			b.want(0, "down", l.Name)
		}
	})
	return timed(func() { b.want(0, "up", l.Dir) })
}

// revert takes a lab back to its ready state, and has it proven.
func (b *bencher) revert(l *lab.Lab) float64 {
	b.t.Helper()
	started := time.Now()
	rec, err := b.engine.Revert(b.t.Context(), l.Name, "", false, nil)
	seconds := time.Since(started).Seconds()
	if err != nil || !rec.Proven {
		b.t.Fatalf("the revert proved nothing: %+v (%v)", rec, err)
	}
	return seconds
}

// benchLogs is what the paths of logs begin with.
type benchLogs string

// Log implements lab.Logs.
func (prefix benchLogs) Log(name string) (io.WriteCloser, error) {
	return lab.OpenLog(string(prefix)+name, func(s string) string { return s })
}

// watch is a lab.Observer that knows when each kind of phase first began and
// last ended, and passes steps on.
type watch struct {
	mu           sync.Mutex
	began, ended map[string]time.Time
	step         func(text string) // may be nil
}

// Begin implements lab.Observer.
func (w *watch) Begin(_ lab.Arm, _, phase string) (lab.Progress, func(error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.began == nil {
		w.began, w.ended = map[string]time.Time{}, map[string]time.Time{}
	}
	if w.began[phase].IsZero() {
		w.began[phase] = time.Now()
	}
	return w, func(error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended[phase] = time.Now()
	}
}

// Step implements lab.Progress.
func (w *watch) Step(text string) {
	if w.step != nil {
		w.step(text)
	}
}

// Bytes implements lab.Progress.
func (w *watch) Bytes(_, _ int64) {}

// seconds is how long all phases of a name took together, side by side.
func (w *watch) seconds(phase string) float64 { return w.ended[phase].Sub(w.began[phase]).Seconds() }

// equalMachines writes a lab of machines that are all alike: no set-up, no
// dependencies.
func equalMachines(t *testing.T, name string, machines, memoryMiB int) string {
	t.Helper()
	names, err := json.Marshal([]string{"a", "b", "c"}[:machines])
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
lab %q {}
%s
network "n" { subnet = "192.168.1.0/24" }
machine "m" {
  for_each = toset(%s)
  image    = image.server
  memory   = "%dMiB"
  nic { network = network.n }
}`, name, serverImage, names, memoryMiB)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "lab.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// benchFork measures one and three machines, in turns.
func benchFork(t *testing.T, figures map[string]float64) {
	b := newBencher(t)
	for _, n := range []int{1, 3} {
		l := b.lab(fmt.Sprintf("fork%d", n), n, 512)
		var cold []float64
		for range rounds(t, 3) {
			b.forget(l.Name)
			w := &watch{}
			b.ready(l, w)
			cold = append(cold, w.seconds("boot"))
		}
		// From starting QEMU until SSH answers on all machines and their first
		// boot is done: the phase "boot" of making a ready state.
		b.figure(figures, fmt.Sprintf("cold_boot%d_s", n), cold)
	}
	one, three := b.lab("fork1", 1, 512), b.lab("fork3", 3, 512)
	r1, r3 := b.ready(one, nil), b.ready(three, nil)
	var fork1, fork3, disk []float64
	for range rounds(t, 9) {
		fork1 = append(fork1, b.forked(r1))
		inst, seconds := b.fork(r3)
		fork3 = append(fork3, seconds)
		disk = append(disk, allocatedMB(b.folder(three, inst))/3)
		b.destroy(inst)
	}
	// Ready.Fork: from nothing until SSH answers on all machines, each has
	// proved that its memory is the saved one, and its clock is set.
	b.figure(figures, "fork1_s", fork1)
	b.figure(figures, "fork3_s", fork3)
	// What the folder of an instance of three machines occupies when Fork
	// returns, for each machine, in MB (10⁶ bytes).
	b.figure(figures, "fork_disk_mb", disk)
	b.benchRevert(figures, one, three)
}

// benchRevert measures the commands of whoever works in a lab.
func (b *bencher) benchRevert(figures map[string]float64, labs ...*lab.Lab) {
	got := map[string][]float64{}
	note := func(format string, l *lab.Lab, seconds float64) {
		name := fmt.Sprintf(format, len(l.Machines))
		got[name] = append(got[name], seconds)
	}
	for range rounds(b.t, 5) {
		for _, l := range labs {
			// The whole command, when the ready state is there.
			note("up%d_warm_s", l, b.up(l))
			// The whole command, which goes back to the ready state.
			note("revert%d_s", l, timed(func() { b.want(0, "revert", l.Name) }))
			// The same as a library call.
			note("revert%d_engine_s", l, b.revert(l))
			b.want(0, "down", l.Name)
		}
	}
	for name, seconds := range got {
		b.figure(figures, name, seconds)
	}
}

// benchSize compares forks of a large machine with forks of a small one, in
// turns.
func benchSize(t *testing.T, figures map[string]float64) {
	b := newBencher(t)
	small := b.ready(b.lab("size256", 1, 256), nil)
	large := b.ready(b.lab("size2048", 1, 2048), nil)
	b.forked(small) // what is read from the disk for the first time
	b.forked(large)
	var s, l []float64
	for range rounds(t, 9) {
		s = append(s, b.forked(small))
		l = append(l, b.forked(large))
	}
	// Ready.Fork of one machine, as above, with 256 MiB and with 2 GiB.
	b.figure(figures, "fork_256_s", s)
	b.figure(figures, "fork_2048_s", l)
	// The second over the first, of the medians.
	figures["fork_2048_vs_256"] = median(l) / median(s)
}

// figure keeps the median of what was measured, and logs all of it.
func (b *bencher) figure(figures map[string]float64, name string, v []float64) {
	b.t.Helper()
	figures[name] = median(v)
	b.t.Logf("%-20s median %.3f of %.3f", name, median(v), v)
}

// folder is where the files of an instance are.
func (b *bencher) folder(l *lab.Lab, inst lab.Instance) string {
	return filepath.Join(b.home, "labs", l.Name, "instances", inst.ID())
}

// allocatedMB is what a folder occupies on the disk, in 10⁶ bytes. What goes
// away meanwhile is left out.
func allocatedMB(dir string) float64 {
	var blocks int64
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it went away
		}
		if info, err := e.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				blocks += st.Blocks
			}
		}
		return nil
	})
	return float64(blocks) * 512 / 1e6
}
