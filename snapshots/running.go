package snapshots

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

const (
	sshUser = "root"
	sshPort = 22
)

// SSHUser is who logs in to machines of an operating system.
func SSHUser(os lab.OS) string {
	if os == lab.Windows {
		return "Administrator"
	}
	return sshUser
}

// Running is an instance that somebody works in.
type Running struct{ *InstanceFiles }

// Up lists the instances that were brought up to be worked in.
func (s *Store) Up(ctx context.Context) ([]*Running, error) {
	all, err := s.Instances(ctx)
	if err != nil {
		return nil, err
	}
	var out []*Running
	for _, i := range all {
		if i.Spec.Arm == string(lab.ArmUp) {
			out = append(out, &Running{i})
		}
	}
	return out, nil
}

// Running finds the instance that is up by the lab's name, the definition's
// folder, or the instance's id.
func (s *Store) Running(ctx context.Context, ref string) (*Running, error) {
	up, err := s.Up(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(ref)
	if err != nil {
		return nil, err
	}
	for _, r := range up {
		if ref == r.Spec.Lab || ref == r.Spec.ID || dir == r.Spec.LabDir {
			return r, nil
		}
	}
	hint := "patchlab up DIR brings one up"
	if len(up) > 0 {
		hint = "patchlab status lists those that are up"
	}
	return nil, &lab.UsageError{Err: fmt.Errorf("no lab %q is up", ref), Hint: hint}
}

// instance is the running instance in this process's hands.
func (r *Running) instance(e *Engine) *instance {
	return &instance{engine: e, files: r.InstanceFiles, client: agent.NewClient(r.Spec.SocketPath())}
}

// HasMachine returns a usage error when the instance has no such machine.
func (r *Running) HasMachine(name string) error {
	var names []string
	for _, m := range r.Spec.Machines {
		if m.Name == name {
			return nil
		}
		names = append(names, m.Name)
	}
	return &lab.UsageError{
		Err:  fmt.Errorf("lab %q has no machine %q", r.Spec.Lab, name),
		Hint: "its machines are: " + strings.Join(names, " "),
	}
}

// AgentLog is the path of the instance's own log.
func (r *Running) AgentLog() string { return r.Spec.LogPath() }

// ConsoleLog is the path of a machine's console log.
func (r *Running) ConsoleLog(machine string) string { return consoleLog(r.Spec, machine) }
