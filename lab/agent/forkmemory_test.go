package agent_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
)

// ramMiB is the size of the RAM file below, and nearMiB how much of it has to
// be found: the kernel may count some pages elsewhere.
const (
	ramMiB  = 64
	nearMiB = ramMiB * 9 / 10
)

// mapping is a process that has mapped a RAM file, and looks like QEMU.
type mapping struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// mapRAM maps by a helper: "maps" privately, "maps-shared".
func mapRAM(t *testing.T, helper, uuid, path string) *mapping {
	t.Helper()
	f := &mapping{cmd: exec.Command(os.Args[0], "-uuid", uuid, path)}
	f.cmd.Env = append(os.Environ(), helperVariable+"="+helper)
	var err error
	f.in, err = f.cmd.StdinPipe()
	noError(t, err)
	out, err := f.cmd.StdoutPipe()
	noError(t, err)
	f.out = bufio.NewReader(out)
	noError(t, f.cmd.Start())
	t.Cleanup(func() {
		_ = f.in.Close()
		_ = f.cmd.Wait()
	})
	f.wait(t)
	return f
}

func (f *mapping) wait(t *testing.T) {
	t.Helper()
	_, err := f.out.ReadString('\n')
	noError(t, err)
}

// write has it write all of the memory.
func (f *mapping) write(t *testing.T) {
	t.Helper()
	_, err := io.WriteString(f.in, "\n")
	noError(t, err)
	f.wait(t)
}

func (f *mapping) memory(t *testing.T) agent.MemoryUse {
	t.Helper()
	u, err := agent.ProcessMemory(f.cmd.Process.Pid)
	noError(t, err)
	return u
}

func specWithRAM(t *testing.T) (spec *agent.Spec, path string) {
	t.Helper()
	spec = agenttest.Spec(t)
	path = filepath.Join(spec.RunDir, "ram")
	noError(t, os.WriteFile(path, bytes.Repeat([]byte("patchlab"), ramMiB<<20/8), 0o600))
	return spec, path
}

// TestSharedMemoryOfOne has one process with a RAM file that is shared.
func TestSharedMemoryOfOne(t *testing.T) {
	spec, path := specWithRAM(t)
	f := mapRAM(t, "maps-shared", spec.Machines[0].UUID, path)
	f.write(t)
	if u := f.memory(t); u.PrivateMiB < nearMiB || u.PSSMiB < nearMiB {
		t.Errorf("what nobody else has mapped is not private: %+v", u)
	}
}

// TestForksShareMemory has two processes with one RAM file.
func TestForksShareMemory(t *testing.T) {
	spec, path := specWithRAM(t)
	one := mapRAM(t, "maps", spec.Machines[0].UUID, path)
	if u := one.memory(t); u.PrivateMiB < nearMiB {
		t.Errorf("what nobody else has mapped is not private: %+v", u)
	}
	two := mapRAM(t, "maps", spec.Machines[1].UUID, path)
	for _, f := range []*mapping{one, two} {
		if u := f.memory(t); u.SharedMiB < nearMiB || u.PrivateMiB > ramMiB/2 {
			t.Errorf("what both have read is not shared: %+v", u)
		}
	}
	if private := spec.PrivateMiB(); private > ramMiB {
		t.Errorf("%d MiB are nobody else's", private)
	}
	two.write(t)
	if u := two.memory(t); u.PrivateMiB < nearMiB || u.AnonMiB < nearMiB {
		t.Errorf("what it has written is not its own: %+v", u)
	}
	if u := one.memory(t); u.AnonMiB > ramMiB/2 {
		t.Errorf("what the other has written is taken here too: %+v", u)
	}
	if private := spec.PrivateMiB(); private < nearMiB {
		t.Errorf("the instance has %d MiB alone", private)
	}
}

func TestStatusHasMemory(t *testing.T) {
	s := serveAPI(t)
	s.hv.Set("a", agent.State{State: "running", PID: os.Getpid()})
	st, err := s.client.Usage(t.Context())
	noError(t, err)
	if m := st.Machines[0].Memory; m.PrivateMiB == 0 || m.PSSMiB == 0 {
		t.Errorf("memory %+v", m)
	}
	if m := st.Machines[1].Memory; m != (agent.MemoryUse{}) {
		t.Errorf("memory of what does not run: %+v", m)
	}
	s.hv.Set("a", agent.State{State: "off"})
}
