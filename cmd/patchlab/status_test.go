package main

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/snapshots"
)

// instanceStatus is what others read of `patchlab status --format json`, by
// names that do not change.
type instanceStatus struct {
	ID       string                `json:"id"`
	Lab      string                `json:"lab"`
	Dir      string                `json:"dir"`
	Arm      string                `json:"arm"`
	PID      int                   `json:"pid"`
	Accel    string                `json:"accel"`
	Started  time.Time             `json:"started"`
	State    string                `json:"state"`
	Machines []agent.MachineStatus `json:"machines"`
}

func usage() []snapshots.InstanceUsage {
	machine := func(name, state, address string) agent.MachineStatus {
		m := agent.MachineStatus{Name: name, State: agent.State{State: state}}
		if address != "" {
			m.Address = netip.MustParseAddr(address)
		}
		return m
	}
	return []snapshots.InstanceUsage{
		{
			ID: "3fa85f64", Lab: "dental", Dir: "/labs/dental", Arm: "up", AgentPID: 4711, Accel: "kvm",
			Created: noon.Add(-49 * time.Hour), Started: noon.Add(-48 * time.Hour), State: "running",
			PrivateMiB: 182, SharedMiB: 1320, DiskMiB: 24,
			Machines: []agent.MachineStatus{machine("db", "running", "192.168.1.20"), machine("desk", "paused", "")},
		},
		{
			ID: "0badcafe", Lab: "bakery", Dir: "/labs/bakery", Arm: "patched", Accel: "kvm", Created: noon.Add(-90 * time.Second),
			State: "its agent does not answer: patchlab down 0badcafe", DiskMiB: 1,
		},
	}
}

func TestWriteStatus(t *testing.T) {
	var out strings.Builder
	if err := writeStatus(&out, usage(), noon); err != nil {
		t.Fatal(err)
	}
	golden(t, "status.txt", out.String())
}

func TestStatusJSONKeepsItsNames(t *testing.T) {
	text, err := json.Marshal(usage())
	if err != nil {
		t.Fatal(err)
	}
	var back []instanceStatus
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	i, want := back[0], usage()[0]
	if i.ID != want.ID || i.Lab != want.Lab || i.Dir != want.Dir || i.Arm != want.Arm || i.PID != want.AgentPID ||
		i.Accel != want.Accel || !i.Started.Equal(want.Started) || i.State != want.State || len(i.Machines) != 2 ||
		i.Machines[0] != want.Machines[0] {
		t.Errorf("came back as %+v", i)
	}
}
