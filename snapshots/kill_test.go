package snapshots

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// simBase makes the folder of a simulated host. When the test ends, whatever
// still runs there is killed.
func simBase(t *testing.T) string {
	t.Helper()
	base, err := os.MkdirTemp("/tmp", "plk") // short: sockets are below it
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(base, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(base, "bin", qemuProgram), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 3 { // one that is killed may just have started another
			for _, pid := range pidsBelow(base) {
				killPID(pid)
			}
		}
		_ = os.RemoveAll(base)
	})
	return base
}

// pidsBelow lists the processes that name something below base.
func pidsBelow(base string) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var pids []int
	for _, f := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err == nil && names(pid, base) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func names(pid int, what string) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && pid != os.Getpid() && bytes.Contains(b, []byte(what))
}

// killPID returns when the process is gone, with all that it held.
func killPID(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // it was gone before
	}
	_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	awaitPidfd(fd)
}

// driven is a command that does one operation in a process of its own.
type driven struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	outcome
}

// drive starts an operation, which stops at each step when stops is set.
func drive(t *testing.T, base, op string, stops bool) *driven {
	t.Helper()
	args := []string{"command", op, base}
	if stops {
		args = append(args, "stops")
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(base, "bin")+":"+os.Getenv("PATH"), "PATCHLAB_MEMORY=")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &driven{t: t, cmd: cmd, in: in, out: bufio.NewScanner(out)}
}

// next returns the step that the command has come to; "" at its end.
func (d *driven) next() string {
	d.t.Helper()
	for d.out.Scan() {
		if step, ok := strings.CutPrefix(d.out.Text(), "step "); ok {
			return step
		}
		if said, ok := strings.CutPrefix(d.out.Text(), "ended "); ok {
			if err := json.Unmarshal([]byte(said), &d.outcome); err != nil {
				d.t.Error(err)
			}
		}
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("the command ended badly: %v", err)
	}
	return ""
}

func (d *driven) goOn() { _, _ = d.in.Write([]byte{'\n'}) }

// run makes one whole operation.
func run(t *testing.T, base, op string) outcome {
	t.Helper()
	d := drive(t, base, op, false)
	d.next()
	return d.outcome
}

// operations makes whole operations, which have to succeed.
func operations(t *testing.T, base string, ops ...string) {
	t.Helper()
	for _, op := range ops {
		if out := run(t, base, op); out.Error != "" {
			t.Fatalf("%s: %s", op, out.Error)
		}
	}
}

// Whom a kill hits.
const (
	victimCommand = "command"
	victimLater   = "command a moment later" // while it takes the step
	victimAgent   = "agent"
	victimMachine = "machine"
)

// victim finds the agent of an instance, or its first machine that runs; 0
// when there is none.
func victim(base, kind string) int {
	files, _ := filepath.Glob(filepath.Join(base, "home", "labs", "*", "instances", "*", specFile))
	for _, f := range files {
		spec, err := agent.ReadSpec(f)
		if err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		st, err := agent.NewClient(spec.SocketPath()).Status(ctx)
		cancel()
		if err != nil {
			continue
		}
		if kind == victimAgent {
			return st.PID
		}
		for _, m := range st.Machines {
			if m.PID > 0 && names(m.PID, spec.RunDir+"/") {
				return m.PID
			}
		}
	}
	return 0
}

// longStep is what most steps take less than.
const longStep = 30 * time.Millisecond

// kill is one place in the matrix.
type kill struct {
	op, victim string
	at         int    // number of the step, from 0
	step       string // its name, for people
}

// matrix is an operation's part: what comes before it, and what has to work
// afterwards. The operation itself comes first in then, unless it is a machine
// that was killed.
type matrix struct {
	op     string
	before []string
	then   []string
	repair []string // when a machine was killed: what makes the instance whole
	least  int      // kills that really happen
}

var matrices = []matrix{
	{op: "up", then: []string{"up"}, least: 50},
	{op: "test", before: []string{"ready"}, then: []string{"test"}, least: 70},
	{op: "snapshot", before: []string{"up", "points"}, then: []string{"snapshot", "revert", "snapshot"}, repair: []string{"revert", "snapshot"}, least: 25},
	{op: "revert", before: []string{"up", "points"}, then: []string{"revert", "snapshot", "revert"}, repair: []string{"revert", "snapshot"}, least: 12},
	{op: "gc", before: []string{"up"}, then: []string{"gc", "up"}, least: 6},
}

// TestKill kills the command, an agent and a machine with SIGKILL at every
// step of every operation that makes or removes anything.
func TestKill(t *testing.T) {
	for _, m := range matrices {
		t.Run(m.op, func(t *testing.T) {
			t.Parallel()
			var killed atomic.Int32
			t.Cleanup(func() {
				if n := int(killed.Load()); n < m.least/every() && !t.Failed() {
					t.Errorf("%d kills happened, want %d at least", n, m.least/every())
				}
			})
			for i, k := range m.kills(t) {
				if i%every() != 0 {
					continue
				}
				t.Run(fmt.Sprintf("%02d %s %s", k.at, k.step, k.victim), func(t *testing.T) {
					t.Parallel()
					if m.kill(t, k) {
						killed.Add(1)
					}
				})
			}
		})
	}
}

// every says which part of the matrix is gone through: with the race detector,
// which makes starting a process slow and sees nothing in one that is killed,
// each 10th kill.
func every() int {
	info, ok := debug.ReadBuildInfo()
	if ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return 10
	}
	return 1
}

// prepare makes a host on which the operation can be done.
func (m *matrix) prepare(t *testing.T) (base string) {
	t.Helper()
	base = simBase(t)
	operations(t, base, m.before...)
	if m.op == "gc" { // something to clean up: machines without their agent
		killPID(victim(base, victimAgent))
	}
	return base
}

// kills goes through the operation once, and finds out who can be killed where.
func (m *matrix) kills(t *testing.T) []kill {
	t.Helper()
	base := m.prepare(t)
	d := drive(t, base, m.op, true)
	var list []kill
	for at := 0; ; at++ {
		step := d.next()
		if step == "" {
			break
		}
		list = append(list, kill{m.op, victimCommand, at, step}, kill{m.op, victimLater, at, step})
		for _, v := range []string{victimAgent, victimMachine} {
			if victim(base, v) != 0 {
				list = append(list, kill{m.op, v, at, step})
			}
		}
		d.goOn()
	}
	if d.Error != "" {
		t.Fatalf("%s fails without any kill: %s", m.op, d.Error)
	}
	return list
}

// kill does the operation, kills, and looks whether everything comes right. It
// reports whether there was anybody to be killed.
func (m *matrix) kill(t *testing.T, k kill) (killed bool) {
	base := m.prepare(t)
	d := drive(t, base, m.op, true)
	for at := 0; d.next() != ""; at++ {
		if at != k.at {
			d.goOn()
			continue
		}
		if k.victim == victimCommand || k.victim == victimLater {
			if k.victim == victimLater {
				d.goOn()
				time.Sleep(rand.N(longStep))
			}
			killPID(d.cmd.Process.Pid)
			_ = d.cmd.Wait() // it was killed
			killed = true
			break
		}
		pid := victim(base, k.victim)
		if killed = pid != 0; killed {
			killPID(pid)
		}
		d.goOn()
	}
	if !killed {
		t.Skip("there was nobody to be killed")
	}
	if d.Verdict == lab.Fail {
		t.Errorf("the patch is blamed: %s", d.Error)
	}
	up := converge(t, base, m.up(k))
	m.again(t, base, k, up)
	return true
}

// up says how many instances ought to be up after a kill; less than 0: any
// number.
func (m *matrix) up(k kill) int {
	switch {
	case m.op == "up" && (k.victim == victimMachine || k.victim == victimLater):
		return -1 // it may have been up already
	case len(m.repair) > 0 && k.victim != victimAgent:
		return 1
	}
	return 0
}

// again does what has to work after the kill, and takes everything down.
func (m *matrix) again(t *testing.T, base string, k kill, up []string) {
	t.Helper()
	switch {
	case m.op == "gc": // its instance was to be removed
	case len(up) == 0:
		operations(t, base, m.before...)
	case m.op == "up":
		down(t, base)
	case k.victim == victimMachine:
		operations(t, base, m.repair...)
	}
	operations(t, base, m.then...)
	converge(t, base, -1)
	down(t, base)
	converge(t, base, 0)
}

// down takes every instance down.
func down(t *testing.T, base string) {
	t.Helper()
	e := parentEngine(t, base)
	ids, err := e.UpIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := e.Down(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

func parentEngine(t *testing.T, base string) *Engine {
	t.Helper()
	e, err := simEngine(base)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// convergeLimit is for agents whose parent was killed: they end by themselves.
const convergeLimit = time.Minute

// converge cleans up, as a process does that knows nothing, until nothing is
// left but as many instances as ought to be up; less than 0: any number. It
// returns their ids.
func converge(t *testing.T, base string, want int) (up []string) {
	t.Helper()
	e := parentEngine(t, base)
	for end := time.Now().Add(convergeLimit); ; time.Sleep(20 * time.Millisecond) {
		if _, err := e.GC(t.Context(), GCOptions{Keep: DefaultKeep}); err != nil {
			t.Fatalf("gc: %v", err)
		}
		up, left := leftOf(t, e.Store, base)
		if len(left) == 0 && (want < 0 || len(up) == want) {
			return up
		}
		if time.Now().After(end) {
			t.Fatalf("up are %v, want %d; left behind:\n%s", up, want, strings.Join(left, "\n"))
		}
	}
}

// leftOf lists everything on a simulated host that is of no use any more, and
// the instances that are up.
func leftOf(t *testing.T, s *Store, base string) (up, left []string) {
	t.Helper()
	all, err := s.Instances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Spec.Arm == string(lab.ArmUp) && isLocked(i.Spec.LockPath()) {
			up = append(up, i.Spec.ID)
			left = append(left, leftIn(i)...)
		}
	}
	ours := func(id string) bool { return slices.Contains(up, id) }
	for _, pattern := range []string{"home/labs/*/instances/*", "r/*", "home/journal/*", "tree/*", "home/images/.*", "home/labs/*/ready/.*", "home/journal/.*"} {
		found, _ := filepath.Glob(filepath.Join(base, pattern))
		for _, f := range found {
			if !ours(strings.TrimSuffix(filepath.Base(f), journalSuffix)) {
				left = append(left, f)
			}
		}
	}
	for _, pid := range pidsBelow(base) {
		if !slices.ContainsFunc(up, func(id string) bool { return names(pid, "/"+id+"/") }) {
			left = append(left, fmt.Sprintf("process %d", pid))
		}
	}
	states, err := s.readyStates()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range states {
		left = append(left, r.changedLayers(t.Context(), true, lab.Quiet(nil))...)
	}
	if entries, _ := filepath.Glob(filepath.Join(base, "home/labs/*/ready/*")); len(entries) != len(states) {
		left = append(left, fmt.Sprintf("%d of the ready states %v are whole", len(states), entries))
	}
	return up, left
}

// leftIn lists what an instance that is up does not need.
func leftIn(i *InstanceFiles) (left []string) {
	used := map[string]bool{}
	for _, m := range i.Spec.Machines {
		for _, path := range ownFiles(&m) {
			used[filepath.Dir(path)] = true
		}
	}
	generations, _ := filepath.Glob(filepath.Join(i.Spec.Dir, "g*"))
	for _, g := range generations {
		if !used[g] {
			left = append(left, g)
		}
	}
	unfinished, _ := filepath.Glob(filepath.Join(i.Spec.Dir, "points", ".*"))
	return append(left, unfinished...)
}
