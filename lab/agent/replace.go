package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/renameio/v2"
)

// ConsoleMark is what a machine's console log holds where the machine was
// replaced: what stands before it is of a time that was gone back from.
const ConsoleMark = "\n--- patchlab: taken back to a saved state ---\n"

// replaceBody is the body of POST /v1/replace.
type replaceBody struct {
	Machines []MachineSpec `json:"machines"`
}

func (a *api) replaceMachines(w http.ResponseWriter, r *http.Request) error {
	var b replaceBody
	if err := decode(w, r, &b); err != nil {
		return err
	}
	return a.whole(w, r, func(ctx context.Context) error { return a.replace(ctx, b.Machines) })
}

// replace is what Client.Replace describes.
func (a *api) replace(ctx context.Context, machines []MachineSpec) error {
	next, err := a.spec.Load().with(machines)
	if err != nil {
		return err
	}
	var names []string
	for _, m := range next.Machines {
		names = append(names, m.Name)
	}
	if err := each(ctx, names, a.hv.Destroy); err != nil {
		return err
	}
	for _, c := range a.consoles {
		c.say([]byte(ConsoleMark))
	}
	// Whoever cleans up after a crash has to know the files that the
	// machines are about to use.
	if err := next.Write(); err != nil {
		return fmt.Errorf("the machines are off: %w", err)
	}
	a.spec.Store(next)
	if err := a.startAll(ctx); err != nil {
		return fmt.Errorf("the machines are replaced and off: %w", err)
	}
	return nil
}

// with returns s with other machines in place of its own, which have to be
// the same to networks and consoles. It shares the rest with s.
func (s *Spec) with(machines []MachineSpec) (*Spec, error) {
	if len(machines) != len(s.Machines) {
		return nil, badRequest("%d machines in place of %d", len(machines), len(s.Machines))
	}
	next := *s
	next.Machines = make([]MachineSpec, len(machines))
	for i := range s.Machines {
		old := &s.Machines[i]
		at := slices.IndexFunc(machines, func(m MachineSpec) bool { return m.Name == old.Name })
		if at < 0 {
			return nil, badRequest("machine %q is missing", old.Name)
		}
		m := machines[at]
		if m.UUID != old.UUID || m.ConsoleSocket != old.ConsoleSocket || m.ConsoleLog != old.ConsoleLog ||
			!slices.EqualFunc(m.NICs, old.NICs, sameNIC) {
			return nil, badRequest("machine %q is another one: UUID, nics and sockets have to stay", m.Name)
		}
		next.Machines[i] = m
	}
	if err := next.Check(); err != nil {
		return nil, badRequest("%v", err)
	}
	return &next, nil
}

func sameNIC(a, b NICSpec) bool {
	return a.Network == b.Network && a.Socket == b.Socket && slices.Equal(a.MAC, b.MAC)
}

// Write makes s the file at SpecPath, all of it or, on error, what was there.
func (s *Spec) Write() error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode instance description: %w", err)
	}
	if err := renameio.WriteFile(s.SpecPath(), append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot write instance description: %w", err)
	}
	return nil
}
