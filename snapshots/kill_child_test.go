package snapshots

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/guest"
)

// helperVariable makes this test's binary another process of a test: of that
// with this number.
const helperVariable = "PATCHLAB_TEST_HELPER"

// helper is what the other process does: "agent SPEC" is an instance's agent,
// "command OPERATION BASE" makes one operation on the store at base, and stops
// at each of its steps when its standard input is given as a third word.
func helper(args []string) int {
	switch {
	case len(args) == 2 && args[0] == "agent":
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			defer cancel()
			awaitTest()
		}()
		if err := agent.Main(ctx, args[1], openSim); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	case len(args) >= 3 && args[0] == "command":
		return command(args[1], args[2], len(args) > 3)
	}
	fmt.Fprintln(os.Stderr, "what am I to do?", args)
	return 2
}

// awaitTest returns when the test is gone that this is a helper of: nothing of
// it may stay, even when it panics.
func awaitTest() {
	pid, err := strconv.Atoi(os.Getenv(helperVariable))
	if err != nil {
		return
	}
	if fd, err := unix.PidfdOpen(pid, 0); err == nil {
		awaitPidfd(fd)
	}
}

// awaitPidfd returns when the process of fd has ended, and closes fd.
func awaitPidfd(fd int) {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			_ = unix.Close(fd)
			return
		}
	}
}

// outcome is what a command says at its end.
type outcome struct {
	Error   string
	Verdict lab.Verdict // of "test"
}

func command(op, base string, stops bool) int {
	e, err := simEngine(base)
	if err != nil {
		panic(err)
	}
	if stops {
		e.Store.atStep = stopper(os.Stdin, os.Stdout)
		e.Store.run.(*simTools).atStep = e.Store.atStep
	}
	out := outcome{}
	if out.Verdict, err = operate(context.Background(), e, op); err != nil {
		out.Error = err.Error()
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	fmt.Printf("ended %s\n", b)
	return 0
}

// stopper tells each step on out and goes on after one byte of in. It ends the
// process with in.
func stopper(in io.Reader, out io.Writer) func(string) {
	var mu sync.Mutex
	words := bufio.NewReader(in)
	return func(step string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, "step %s\n", step)
		if _, err := words.ReadByte(); err != nil {
			os.Exit(3)
		}
	}
}

// operate does one of the operations that the kill matrix is about, or what
// comes before one.
func operate(ctx context.Context, e *Engine, op string) (lab.Verdict, error) {
	l := simLab()
	switch op {
	case "up":
		return "", e.Up(ctx, l, nobody{})
	case "ready":
		_, err := e.ready(ctx, l, folderLogs{e.Store.logsDir(), "ready-", l.Redactor()}, nobody{})
		return "", err
	case "points":
		for _, name := range []string{"a", "b"} {
			if _, err := e.Snapshot(ctx, l.Name, name, nil); err != nil {
				return "", err
			}
		}
		return "", nil
	case "snapshot":
		_, err := e.Snapshot(ctx, l.Name, "s-"+newID(), nil)
		return "", err
	case "revert":
		rec, err := e.Revert(ctx, l.Name, "a", true, nil)
		if err == nil && !rec.Proven {
			err = fmt.Errorf("not proven: %q", rec.Problems)
		}
		return "", err
	case "gc":
		e.Store.now = func() time.Time { return testTime.Add(2 * DefaultKeep) }
		_, err := e.GC(ctx, GCOptions{Keep: DefaultKeep})
		return "", err
	case "test":
		return simRun(ctx, e, l)
	}
	return "", fmt.Errorf("unknown operation %q", op)
}

// simRun tests a patch that does no harm.
func simRun(ctx context.Context, e *Engine, l *lab.Lab) (lab.Verdict, error) {
	t := &lab.Tester{
		Host: e, Checks: harmless{}, Patcher: harmless{}, Observer: nobody{}, Verify: true,
		RunsDir: e.Store.RunsDir(l.Name),
		Pin:     func(p *lab.Patch) (lab.PatchRecord, error) { return lab.PatchRecord{Name: p.Name, SHA256: "aa"}, nil },
	}
	rec, err := t.Test(ctx, l, l.Patches[0])
	if err != nil {
		return "", err
	}
	if rec.Verdict == lab.Pass && !rec.Reverted {
		return rec.Verdict, fmt.Errorf("not reverted: %q", rec.Receipt.Problems)
	}
	if rec.Verdict != lab.Pass {
		return rec.Verdict, errors.New(rec.Reason)
	}
	return rec.Verdict, nil
}

// nobody observes.
type nobody struct{}

func (nobody) Begin(lab.Arm, string, string) (lab.Progress, func(error)) {
	return lab.Quiet(nil), func(error) {}
}

// harmless is a patch, and the checks that find it so.
type harmless struct{}

func (harmless) RunCheck(context.Context, *lab.Check, lab.Place) lab.CheckResult {
	return lab.CheckResult{Passed: true, Attempts: 1}
}

func (harmless) Apply(ctx context.Context, _ *lab.Patch, g lab.Guest, log io.Writer, _ lab.Progress) (lab.PatchOutcome, error) {
	_, err := g.Run(ctx, lab.Command{Shell: "patch", Stdout: log})
	return lab.PatchOutcome{Status: lab.Applied, Started: true}, err
}

func (harmless) Confirm(context.Context, *lab.Patch, lab.Guest, lab.PatchOutcome) (in bool, message string, err error) {
	return true, "", nil
}

func (harmless) Stale(context.Context, lab.Guest) ([]string, error) { return nil, nil }

func (harmless) Backout(context.Context, *lab.Patch, lab.Guest, lab.PatchOutcome, io.Writer, lab.Progress) (lab.BackoutOutcome, error) {
	return lab.BackoutOutcome{Status: lab.CannotTakeOut}, nil
}

func (harmless) RebootPending(context.Context, lab.Guest) (bool, string, error) {
	return false, "", nil
}

// simStore is the store of one process on the simulated host at base: programs
// are fakes, paths are short enough for sockets.
func simStore(base string) (*Store, error) {
	tools := &simTools{fakeTools: &fakeTools{}, monitor: newFakeMonitor()}
	s := &Store{
		run:      tools,
		accel:    func() (string, error) { return agent.AccelTCG, nil },
		now:      func() time.Time { return testTime },
		mem:      func() (memory, error) { return memory{TotalMiB: 16384, AvailableMiB: 8192}, nil },
		free:     func(string) (uint64, error) { return 100 << 30, nil },
		treeBase: filepath.Join(base, "tree"),
		held:     map[string]*journal{},
	}
	if err := os.MkdirAll(s.treeBase, 0o700); err != nil {
		return nil, err
	}
	return s.at(filepath.Join(base, "home"), filepath.Join(base, "r"))
}

// simEngine is an engine on that host. Its machines are processes, and what
// SSH does is done to the files in which they live.
func simEngine(base string) (*Engine, error) {
	s, err := simStore(base)
	if err != nil {
		return nil, err
	}
	e := &Engine{Store: s, Accel: agent.AccelTCG, AgentArgv: []string{os.Args[0], "agent"}}
	e.reach = func(c guest.Config) sshGuest { return &simGuest{Config: c, atStep: s.run.(*simTools).step} }
	return e, nil
}

// simTools are fakeTools that make overlays as qemu-img does, and know a QEMU
// that can be asked.
type simTools struct {
	*fakeTools
	monitor *fakeMonitor
	atStep  func(string) // told of each program; may be nil
}

func (s *simTools) step(text string) {
	if s.atStep != nil {
		s.atStep(text)
	}
}

func (s *simTools) Run(ctx context.Context, t Tool) error {
	if t.Name == qemuProgram && strings.Contains(strings.Join(t.Args, " "), "-machine none") {
		return s.monitor.Run(ctx, t)
	}
	if t.Name == "mmdebstrap" || t.Name == "qemu-img" && t.Args[0] == "create" {
		s.step("program " + t.Name)
	}
	if t.Name != "qemu-img" || t.Args[0] != "create" {
		return s.fakeTools.Run(ctx, t)
	}
	// What is made is behind the options, and the size may follow.
	path := t.Args[len(t.Args)-1]
	if !filepath.IsAbs(path) {
		path = t.Args[len(t.Args)-2]
	}
	if s.fail != nil {
		if err := s.fail(t); err != nil {
			return err
		}
	}
	return os.WriteFile(path, []byte(strings.Join(t.Args, " ")+"\n"), 0o600)
}

// openSim is the hypervisor of a simulated host's agent.
func openSim(_ context.Context, spec *agent.Spec, _ *slog.Logger) (agent.Hypervisor, error) {
	return newSimHypervisor(spec), nil
}
