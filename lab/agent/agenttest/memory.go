package agenttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/patchlab/patchlab/lab/agent"
)

// memorySize is how many bytes of a RAM file hold a machine's text, a zero
// byte at the end included.
const memorySize = 4096

// memory is a machine's memory: one text. It lives in the RAM file where that
// is shared, and here otherwise.
type memory struct {
	uuid string
	ram  *agent.RAMSpec
	text string
}

// saved is the file that Save writes.
type saved struct {
	UUID string `json:"uuid"`
	// Whole: Memory is the machine's. Otherwise that is in its RAM file.
	Whole  bool   `json:"whole"`
	Memory string `json:"memory,omitempty"`
}

// SetMemory writes a text, of less than 4096 bytes and none of them zero, to a
// machine's memory. It panics when the machine is not there.
func (h *Hypervisor) SetMemory(name, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, ok := h.memory[name]
	if !ok {
		panic(fmt.Sprintf("machine %q has no memory: it does not run", name))
	}
	if err := m.write(text); err != nil {
		panic(err)
	}
	h.memory[name] = m
}

// Memory reads a machine's memory: empty after it has booted, and when it does
// not run. It panics when its RAM file cannot be read.
func (h *Hypervisor) Memory(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	text, err := h.memory[name].read()
	if err != nil {
		panic(err)
	}
	return text
}

func (m *memory) shared() bool { return m.ram != nil && m.ram.Shared }

func (m *memory) write(text string) error {
	if len(text) >= memorySize || bytes.IndexByte([]byte(text), 0) >= 0 {
		return errors.New("no text for a memory")
	}
	if !m.shared() {
		m.text = text
		return nil
	}
	f, err := os.OpenFile(m.ram.Path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(append([]byte(text), 0), 0)
	return errors.Join(err, f.Close())
}

func (m memory) read() (string, error) {
	if !m.shared() {
		return m.text, nil
	}
	return readRAM(m.ram.Path)
}

func readRAM(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, memorySize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return "", err
	}
	text, _, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return "", fmt.Errorf("%s holds no text", path)
	}
	return string(text), nil
}

// loadMemory is the memory of a machine that starts.
func loadMemory(m agent.MachineSpec) (memory, error) {
	mem := memory{uuid: m.UUID, ram: m.RAM}
	if m.RAM != nil {
		info, err := os.Stat(m.RAM.Path)
		if err != nil {
			return mem, err
		}
		if want := int64(m.MemoryMiB) << 20; info.Size() != want {
			return mem, fmt.Errorf("RAM file %s has %d bytes, not %d", m.RAM.Path, info.Size(), want)
		}
	}
	if m.State == "" {
		return mem, mem.write("")
	}
	b, err := os.ReadFile(m.State)
	if err != nil {
		return mem, err
	}
	var s saved
	if err := json.Unmarshal(b, &s); err != nil {
		return mem, fmt.Errorf("state %s: %w", m.State, err)
	}
	switch {
	case s.UUID != m.UUID:
		return mem, fmt.Errorf("state %s is that of machine %s", m.State, s.UUID)
	case s.Whole != (m.RAM == nil):
		return mem, fmt.Errorf("memory is in state %s: %v, in a RAM file: %v", m.State, s.Whole, m.RAM != nil)
	case s.Whole:
		return mem, mem.write(s.Memory)
	}
	mem.text, err = readRAM(m.RAM.Path)
	return mem, err
}

// Save implements agent.Hypervisor.
func (h *Hypervisor) Save(ctx context.Context, name, path string) error {
	return h.do(ctx, "save", name, func() error {
		if !h.running(name) {
			return agent.ErrNotRunning
		}
		if h.states[name].State != "paused" {
			return errors.New("it is not paused")
		}
		m := h.memory[name]
		s := saved{UUID: m.uuid}
		if !m.shared() {
			s.Whole, s.Memory = true, m.text
		}
		if err := s.write(path); err != nil {
			return err
		}
		if s.Whole {
			h.set(name, agent.State{State: "off", Reason: "saved"})
		}
		return nil
	})
}

func (s saved) write(path string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
