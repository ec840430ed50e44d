package agent_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
)

// writtenSpec is a Spec that another process can read.
func writtenSpec(t *testing.T) *agent.Spec {
	t.Helper()
	spec := agenttest.Spec(t)
	b, err := json.Marshal(spec)
	noError(t, err)
	noError(t, os.WriteFile(spec.SpecPath(), b, 0o600))
	return spec
}

func launch(ctx context.Context, t *testing.T, helper string, spec *agent.Spec) (*agent.Process, error) {
	t.Helper()
	t.Setenv(helperVariable, helper)
	return agent.Launch(ctx, []string{os.Args[0], spec.SpecPath()}, spec)
}

func TestLaunchAndStop(t *testing.T) {
	for name, detach := range map[string]bool{"child": false, "detached": true} {
		t.Run(name, func(t *testing.T) {
			spec, ctx := writtenSpec(t), t.Context()
			p, err := launch(ctx, t, "agent", spec)
			noError(t, err)
			if detach {
				noError(t, p.Detach())
			}
			st, err := p.Client.Status(ctx)
			noError(t, err)
			if st.PID != p.PID {
				t.Errorf("the agent says %d, it was launched as %d", st.PID, p.PID)
			}
			if sid, err := unix.Getsid(p.PID); err != nil || sid != p.PID {
				t.Errorf("session %d of process %d: %v", sid, p.PID, err)
			}
			noError(t, p.Stop(ctx))
			noError(t, p.Stop(ctx))
			noError(t, p.Wait(ctx))
			if exists(spec.RunDir) || !exists(spec.Dir) {
				t.Errorf("run folder there: %v, folder there: %v", exists(spec.RunDir), exists(spec.Dir))
			}
		})
	}
}

func TestShutdownWaitsForProcess(t *testing.T) {
	spec, ctx := writtenSpec(t), t.Context()
	p, err := launch(ctx, t, "agent", spec)
	noError(t, err)
	noError(t, agent.NewClient(spec.SocketPath()).Shutdown(ctx))
	if exists(spec.RunDir) {
		t.Error("the run folder is still there")
	}
	noError(t, p.Wait(ctx))
}

func TestLaunchFailures(t *testing.T) {
	for helper, want := range map[string][]string{
		"dies":  {"it ended before it was ready (exit status 7)", "last words"},
		"fails": {"no hypervisor today", "agent starts"},
	} {
		t.Run(helper, func(t *testing.T) {
			spec := writtenSpec(t)
			_, err := launch(t.Context(), t, helper, spec)
			if !errors.As(err, new(*lab.HostError)) {
				t.Fatalf("error %v", err)
			}
			for _, w := range want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in: %v", w, err)
				}
			}
			if exists(spec.RunDir) {
				t.Error("the run folder is left")
			}
		})
	}
}

func TestLaunchOfNothing(t *testing.T) {
	spec := writtenSpec(t)
	if _, err := agent.Launch(t.Context(), []string{"/nonexistent"}, spec); !errors.As(err, new(*lab.HostError)) {
		t.Errorf("error %v", err)
	}
}

func TestLaunchEndsWithContext(t *testing.T) {
	spec := writtenSpec(t)
	ctx, cancel := context.WithCancel(t.Context())
	stop := whenExists(spec.LockPath(), cancel)
	defer stop()
	if _, err := launch(ctx, t, "hangs", spec); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if exists(spec.RunDir) {
		t.Error("the run folder is left")
	}
}

// whenExists calls f when a file has appeared. The function it returns waits
// for that.
func whenExists(path string, f func()) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !exists(path) {
			time.Sleep(time.Millisecond)
		}
		f()
	}()
	return func() { <-done }
}

func TestLaunchOfBusyInstance(t *testing.T) {
	spec, ctx := writtenSpec(t), t.Context()
	p, err := launch(ctx, t, "agent", spec)
	noError(t, err)
	if _, err := launch(ctx, t, "agent", spec); !errors.As(err, new(*lab.BusyError)) {
		t.Errorf("error %v", err)
	}
	if _, err := p.Client.Status(ctx); err != nil {
		t.Errorf("the first one suffered: %v", err)
	}
	noError(t, p.Stop(ctx))
}

// TestOrphan kills the process that launched an agent.
func TestOrphan(t *testing.T) {
	spec := writtenSpec(t)
	cmd := exec.Command(os.Args[0], spec.SpecPath())
	cmd.Env = append(os.Environ(), helperVariable+"=parent")
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	noError(t, err)
	noError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	noError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	noError(t, err)
	fd, err := unix.PidfdOpen(pid, 0)
	noError(t, err)
	defer func() { _ = unix.Close(fd) }()

	noError(t, cmd.Process.Signal(syscall.SIGKILL))
	_ = cmd.Wait()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 30_000)
	if n != 1 || err != nil {
		t.Fatalf("the agent lives on: %d, %v", n, err)
	}
	if exists(spec.RunDir) || exists(spec.Dir) {
		t.Errorf("run folder there: %v, folder there: %v", exists(spec.RunDir), exists(spec.Dir))
	}
}

// TestStopOfStuckAgent kills an agent that does not answer.
func TestStopOfStuckAgent(t *testing.T) {
	spec := writtenSpec(t)
	p, err := launch(t.Context(), t, "agent", spec)
	noError(t, err)
	noError(t, syscall.Kill(p.PID, syscall.SIGSTOP))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	noError(t, p.Stop(ctx))
	if p.Wait(t.Context()) == nil {
		t.Error("it ended by itself")
	}
	if exists(spec.RunDir) {
		t.Error("the run folder is left")
	}
}

// TestKillAgent ends an agent that does not answer, and no other process.
func TestKillAgent(t *testing.T) {
	spec, other := writtenSpec(t), writtenSpec(t)
	t.Setenv(helperVariable, "agent")
	p, err := agent.Launch(t.Context(), []string{os.Args[0], "agent", spec.SpecPath()}, spec)
	noError(t, err)
	noError(t, agent.KillAgent(t.Context(), other))
	if _, err := p.Client.Status(t.Context()); err != nil {
		t.Errorf("the agent of another instance was killed: %v", err)
	}
	noError(t, syscall.Kill(p.PID, syscall.SIGSTOP))
	noError(t, agent.KillAgent(t.Context(), spec))
	if p.Wait(t.Context()) == nil {
		t.Error("it ended by itself")
	}
	noError(t, p.Stop(t.Context()))
}
