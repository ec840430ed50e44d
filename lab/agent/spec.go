package agent

import (
	"context"

	"github.com/patchlab/patchlab/lab/network"
)

// Spec is everything an agent needs to know. It is the file instance.json in
// the instance's folder, mode 0600.
type Spec struct {
	ID       string           `json:"id"`        // 8 lower-case hex digits
	Lab      string           `json:"lab"`       // the lab's name
	LabDir   string           `json:"lab_dir"`   // absolute path of the definition
	Arm      string           `json:"arm"`       // lab.Arm
	Dir      string           `json:"dir"`       // the instance's folder, absolute
	RunDir   string           `json:"run_dir"`   // short folder for sockets and the libvirt root, absolute
	CacheDir string           `json:"cache_dir"` // capabilities shared by all instances of this user
	Accel    string           `json:"accel"`     // "kvm" or "tcg"
	Networks []network.Config `json:"networks"`
	Machines []MachineSpec    `json:"machines"`
}

// MachineSpec is one machine of an instance: what the hypervisor starts.
type MachineSpec struct {
	Name          string     `json:"name"`
	UUID          string     `json:"uuid"` // patchlab's own: see snapshots
	OS            string     `json:"os"`   // lab.OS
	MemoryMiB     int        `json:"memory_mib"`
	CPUs          int        `json:"cpus"`
	Firmware      string     `json:"firmware"`        // lab.Firmware
	NVRAM         string     `json:"nvram,omitempty"` // path of the machine's UEFI variables; of UEFI alone
	Bus           string     `json:"bus"`             // lab.Bus
	NICModel      string     `json:"nic_model"`       // lab.NICModel
	Disks         []DiskSpec `json:"disks"`           // in order; the first is booted from
	NICs          []NICSpec  `json:"nics"`
	ConsoleSocket string     `json:"console_socket"` // the agent listens, QEMU's first serial port connects
	ConsoleLog    string     `json:"console_log"`
	// RAM is the file that the machine's memory lives in; nil: memory of no
	// file, which can be saved only whole.
	RAM *RAMSpec `json:"ram,omitempty"`
	// State is the file, made by Hypervisor.Save, of what the machine was
	// when it was saved: it starts from there, paused. With RAM it is the
	// state of the devices alone, without it holds the memory too. Empty: the
	// machine boots.
	State string `json:"state,omitempty"`
	// NeedMiB is the memory that this host has promised the machine, QEMU's
	// own included.
	NeedMiB int `json:"need_mib,omitempty"`
}

// RAMSpec is the file of a machine's memory, of exactly its size. QEMU needs
// to be able to write it, even where it does not.
type RAMSpec struct {
	Path string `json:"path"` // absolute
	// Shared: what the machine writes goes to the file, so that Save leaves
	// the whole memory there. Otherwise the file is only read, and the
	// machine's own pages are copies (copy-on-write).
	Shared bool `json:"shared"`
}

// DiskSpec is one disk of a machine.
type DiskSpec struct {
	Path     string `json:"path"`   // absolute
	Format   string `json:"format"` // "qcow2" or "raw"
	ReadOnly bool   `json:"read_only"`
}

// NICSpec is one network card of a machine.
type NICSpec struct {
	Network string      `json:"network"`
	MAC     network.MAC `json:"mac"`
	Socket  string      `json:"socket"` // the agent listens, QEMU connects
}

// Hypervisor runs the machines of one instance. Its methods may be called at
// the same time. Names are those of MachineSpec; an unknown one is an error.
type Hypervisor interface {
	// Start defines and starts a machine, which runs when it returns; one
	// with a State is loaded from it and left paused. The sockets it connects
	// to are listening already.
	Start(ctx context.Context, m MachineSpec) error
	// Save writes what a paused machine is, besides disks, firmware variables
	// and a shared RAM file, to the new file path, for Start. Afterwards it
	// is still paused, and may be resumed; but one without a shared RAM file
	// is off for the reason "saved", and goes on only by Start with its
	// State. On error the machine is paused as before, and no file is left.
	Save(ctx context.Context, name, path string) error
	// Destroy ends a machine at once. One that does not run is no error.
	Destroy(ctx context.Context, name string) error
	// Suspend stops a machine's processors; Resume lets them go on.
	Suspend(ctx context.Context, name string) error
	Resume(ctx context.Context, name string) error
	// State says what a machine is doing.
	State(ctx context.Context, name string) (State, error)
	// Screenshot returns the display as PNG.
	Screenshot(ctx context.Context, name string) ([]byte, error)
	// Close destroys every machine that is left and drops the connection.
	Close(ctx context.Context) error
}

// State is what a machine is doing.
type State struct {
	State  string `json:"state"`            // "absent", "running", "paused", "crashed" or "off"
	Reason string `json:"reason,omitempty"` // such as "io-error", "user", "panicked", in libvirt's words
	PID    int    `json:"pid,omitempty"`    // of QEMU; 0 when not running
}
