package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// MaxSocketPath is the longest path of a unix socket, in bytes.
const MaxSocketPath = 107

// longestSocket is what libvirt puts below RunDir at worst: machine names are
// cut to 20 bytes there.
const longestSocket = "/v/lib/qemu/domain-9999-abcdefghijklmnopqrst/monitor.sock"

// ReadSpec reads and checks an instance's description.
func ReadSpec(path string) (*Spec, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read instance description: %w", err)
	}
	var s Spec
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("cannot read instance description %s: %w", path, err)
	}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("cannot use instance description %s: %w", path, err)
	}
	return &s, nil
}

// SpecPath is where an instance's description is.
func (s *Spec) SpecPath() string { return filepath.Join(s.Dir, "instance.json") }

// LockPath is the file whose lock the agent holds for life.
func (s *Spec) LockPath() string { return filepath.Join(s.Dir, "lock") }

// LogPath is the agent's log.
func (s *Spec) LogPath() string { return filepath.Join(s.Dir, "agent.log") }

// SocketPath is where the agent serves its control API.
func (s *Spec) SocketPath() string { return filepath.Join(s.RunDir, "agent.sock") }

// VirtRoot is the root of libvirt's embedded driver.
func (s *Spec) VirtRoot() string { return filepath.Join(s.RunDir, "v") }

// Machine returns the machine of that name, or nil.
func (s *Spec) Machine(name string) *MachineSpec {
	for i := range s.Machines {
		if s.Machines[i].Name == name {
			return &s.Machines[i]
		}
	}
	return nil
}

// Check reports everything that would keep an agent from starting.
func (s *Spec) Check() error {
	var errs []error
	add := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	for _, d := range []struct{ name, path string }{{"dir", s.Dir}, {"run_dir", s.RunDir}, {"cache_dir", s.CacheDir}} {
		if !filepath.IsAbs(d.path) || filepath.Clean(d.path) != d.path || filepath.Dir(d.path) == d.path {
			add("%s %q is not a clean absolute path", d.name, d.path)
		}
	}
	if n := len(s.RunDir) + len(longestSocket); n > MaxSocketPath {
		add("run_dir %q is %d bytes too long for libvirt's sockets", s.RunDir, n-MaxSocketPath)
	}
	if s.Accel != AccelKVM && s.Accel != AccelTCG {
		add("accel %q is neither %q nor %q", s.Accel, AccelKVM, AccelTCG)
	}
	networks := map[string]bool{}
	for _, n := range s.Networks {
		networks[n.Name] = true
	}
	seen := map[string]bool{}
	for _, m := range s.Machines {
		if m.Name == "" || seen[m.Name] {
			add("machine name %q is empty or used twice", m.Name)
		}
		seen[m.Name] = true
		errs = append(errs, m.check(networks)...)
	}
	return errors.Join(errs...)
}

func (m *MachineSpec) check(networks map[string]bool) []error {
	var errs []error
	add := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("machine %q: "+format, append([]any{m.Name}, a...)...))
	}
	if m.MemoryMiB <= 0 || m.CPUs <= 0 {
		add("%d MiB of memory and %d processors", m.MemoryMiB, m.CPUs)
	}
	if len(m.Disks) == 0 {
		add("has no disk")
	}
	if m.RAM != nil && !filepath.IsAbs(m.RAM.Path) {
		add("ram path %q is not absolute", m.RAM.Path)
	}
	if m.State != "" && !filepath.IsAbs(m.State) {
		add("state path %q is not absolute", m.State)
	}
	sockets := []string{m.ConsoleSocket}
	for _, n := range m.NICs {
		sockets = append(sockets, n.Socket)
		if !networks[n.Network] {
			add("nic on unknown network %q", n.Network)
		}
		if len(n.MAC) != 6 {
			add("nic without a MAC address")
		}
	}
	for _, p := range sockets {
		if !filepath.IsAbs(p) || len(p) > MaxSocketPath {
			add("socket path %q is not absolute or longer than %d bytes", p, MaxSocketPath)
		}
	}
	return errs
}
