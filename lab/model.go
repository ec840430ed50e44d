// Package lab is the heart of patchlab: the model of a customer's
// environment, the plan of what a run would create, the run itself and its
// verdict.
//
// It knows nothing of HCL, libvirt, SSH or the command line: what it needs of
// them it states as small interfaces (see host.go), which the packages below
// lab and snapshots implement.
package lab

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Pos is a place in a definition, for messages.
type Pos struct {
	File string // as the user would type it
	Line int    // 1-based; 0 when unknown
}

// String returns "file:line", or the file alone when the line is unknown.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Lab is one customer's environment, wholly resolved and valid: every
// reference points to an object of the same Lab, every path is absolute and
// exists, every default is filled in. Slices keep the order of the definition.
type Lab struct {
	Name        string
	Client      string
	Description string
	Dir         string // absolute path of the definition's directory
	Pos         Pos

	Images   []*Image
	Networks []*Network
	Machines []*Machine
	Patches  []*Patch
	Checks   []*Check

	// Retain says how long runs are kept; nil: as gc is told.
	Retain *Retention

	// Secrets are the values of sensitive variables in this definition.
	// They must never be printed: see Redactor.
	Secrets []string
}

// Retention is how long a lab's runs are kept. A run goes when it is past all
// limits that are set; the last pass, and what a decision in the ledger points
// at, never go.
type Retention struct {
	Runs int `json:"runs,omitempty"` // the newest so many stay; 0: no limit
	Days int `json:"days,omitempty"` // those younger stay; 0: no limit
}

// OS is the operating system family of an image.
type OS string

// The operating systems that machines run.
const (
	Linux   OS = "linux"
	Windows OS = "windows"
)

// Image is an immutable base disk: built from packages or taken from a file.
// Exactly one of Build and Source is set.
type Image struct {
	Name   string
	Pos    Pos
	OS     OS
	Build  *Build
	Source string // absolute path of a qcow2, raw, vhdx or vmdk disk
	SHA256 string // lower-case hex of Source's bytes; empty when not pinned
}

// Build is the recipe of an image.
type Build struct {
	Distro   string   // "debian"
	Release  string   // code name, such as "bookworm"
	Packages []string // beyond what every image has; sorted, without duplicates
	Pockets  []string // of "release", "updates", "security"; ["release"] by default
	DiskMiB  int      // virtual size of the disk; 4096 by default
}

// Network is an Ethernet segment of a lab with the customer's own subnet.
type Network struct {
	Name    string
	Pos     Pos
	Subnet  netip.Prefix // IPv4, masked
	Gateway netip.Addr   // inside Subnet; its first host address by default
	Domain  string       // DNS domain, without a trailing dot; "<name>.lab" by default
	MTU     int          // bytes of IP packet; 1500 by default
	Routed  bool         // whether the gateway forwards to the lab's other networks; true by default
}

// Impact says how much depends on a machine: lower is patched first.
type Impact string

// Impacts, lowest first.
const (
	ImpactLow    Impact = "low"
	ImpactNormal Impact = "normal" // the default
	ImpactHigh   Impact = "high"
)

// Firmware is what a machine starts with.
type Firmware string

// Firmwares.
const (
	BIOS Firmware = "bios" // the default
	UEFI Firmware = "uefi"
)

// Bus is what a machine's disks hang on.
type Bus string

// Buses.
const (
	BusVirtio Bus = "virtio" // the default
	BusSATA   Bus = "sata"   // for systems without virtio drivers
)

// NICModel is the network card a machine sees.
type NICModel string

// NIC models.
const (
	NICVirtio NICModel = "virtio" // the default
	NICE1000e NICModel = "e1000e" // for systems without virtio drivers
)

// Machine is a virtual machine of a lab.
type Machine struct {
	Name      string // a DNS label: also its host name
	Pos       Pos
	Image     *Image
	MemoryMiB int // 512 by default
	CPUs      int // 1 by default
	DependsOn []*Machine
	Impact    Impact
	Firmware  Firmware
	Bus       Bus
	NICModel  NICModel
	NICs      []NIC // at least one; the first carries the default route
	Disks     []Disk
	Setup     *Setup // nil when there is nothing to set up
	Wave      int    // 1-based, lower is patched first; 0: by Impact
	Watch     Watch

	BootTimeout time.Duration // until SSH answers; 5 min by default
}

// NIC is one network card of a machine.
type NIC struct {
	Pos     Pos
	Network *Network
	Address netip.Addr       // the zero Addr: from DHCP's pool
	MAC     net.HardwareAddr // always set: the declared one, or one derived from lab, machine and position
	Names   []string         // further host names in the network's domain, relative to it
}

// Disk is an empty data disk of a machine, beyond the one its image gives.
type Disk struct {
	Pos     Pos
	SizeMiB int
}

// Setup turns a clone of an image into the customer's machine: files are
// uploaded first, then the commands are run, in order, each by "sh -c" as
// root. The first command that fails ends it.
type Setup struct {
	Pos     Pos
	Uploads []Upload
	Run     []string
	Timeout time.Duration // for each command; 10 min by default
}

// Watch says what of a machine's state is looked at beyond what always is: the
// difference that a patch makes is reported.
type Watch struct {
	Paths    []string         // absolute, on the machine: files, or folders with all that is in them; always holds "/etc" on Linux
	Commands []WatchedCommand // what they print is compared
}

// WatchedCommand is a command whose output is part of a machine's state.
type WatchedCommand struct {
	Name string
	Run  string // for "sh -c" (PowerShell on Windows), as root
}

// Upload is a file that is copied to a machine.
type Upload struct {
	Source string // absolute path on the host
	Dest   string // absolute path on the machine
}

// Severity says what a failing check means for the verdict.
type Severity string

// Severities.
const (
	Critical Severity = "critical" // the default: a regression fails the patch
	Warning  Severity = "warning"  // reported, without effect on the verdict
)

// Check is one smoke check.
type Check struct {
	Name     string
	Pos      Pos
	From     *Machine      // the machine it is made from; nil: from the gateway of FromNet
	FromNet  *Network      // set exactly when From is nil
	Timeout  time.Duration // for one attempt; 30 s by default
	Retries  int           // further attempts after a failed one; 2 by default
	Interval time.Duration // between attempts; 2 s by default
	Severity Severity
	Spec     CheckSpec
}

// Place names where the check is made from: a machine's name, or
// "gateway of <network>".
func (c *Check) Place() string {
	if c.From != nil {
		return c.From.Name
	}
	return "gateway of " + c.FromNet.Name
}
