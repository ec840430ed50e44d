package agent

import (
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/patchlab/patchlab/lab/network"
)

// Status is what GET /v1/status answers. What machines occupy is in it only
// when it is asked for (?memory=1): the kernel walks all their pages for it.
type Status struct {
	ID       string          `json:"id"`
	Lab      string          `json:"lab"`
	LabDir   string          `json:"lab_dir"`
	Arm      string          `json:"arm"`
	PID      int             `json:"pid"` // the agent's
	Accel    string          `json:"accel"`
	Started  time.Time       `json:"started"`
	Machines []MachineStatus `json:"machines"` // in the order of the Spec
	Stats    network.Stats   `json:"stats"`
}

// MachineStatus is one machine's State and where it can be reached.
type MachineStatus struct {
	Name string `json:"name"`
	State
	Network string     `json:"network,omitempty"`
	Address netip.Addr `json:"address,omitzero"` // whether it answers there is another matter
	Memory  MemoryUse  `json:"memory,omitzero"`  // of its process; zero when there is none, it can't be known, or was not asked for
}

func (a *api) status(w http.ResponseWriter, r *http.Request) error {
	spec := a.spec.Load()
	s := Status{
		ID: spec.ID, Lab: spec.Lab, LabDir: spec.LabDir, Arm: spec.Arm, PID: os.Getpid(),
		Accel: spec.Accel, Started: a.started, Machines: []MachineStatus{}, Stats: a.net.Stats(),
	}
	for _, m := range spec.Machines {
		ms := MachineStatus{Name: m.Name}
		var err error
		if ms.State, err = a.hv.State(r.Context(), m.Name); err != nil {
			return err
		}
		ms.Network, ms.Address, _ = a.net.Address(m.Name)
		if ms.PID != 0 && r.URL.Query().Has("memory") {
			if ms.Memory, err = ProcessMemory(ms.PID); err != nil {
				a.log.Debug("no memory in status", "machine", m.Name, "error", err) // it may have ended just now
			}
		}
		s.Machines = append(s.Machines, ms)
	}
	answer(w, http.StatusOK, s)
	return nil
}
