package lab

import (
	"time"
)

// Arm is one instance's part in a run.
type Arm string

// Arms.
const (
	ArmReady    Arm = "ready" // the making of the ready state, before all others
	ArmBaseline Arm = "baseline"
	ArmControl  Arm = "control"
	ArmPatched  Arm = "patched"
	ArmBackout  Arm = "backout"
	ArmRerun    Arm = "rerun" // patched once more, from a fresh fork
	ArmProof    Arm = "proof" // forked to prove that nothing is left of the others
	ArmUp       Arm = "up"    // an instance somebody works in, of no run
)

// Verdict is what a run says about the patch.
type Verdict string

// Verdicts.
const (
	Pass         Verdict = "pass"
	Fail         Verdict = "fail"
	Inconclusive Verdict = "inconclusive"
)

// Class says what a check's outcomes in the arms mean together.
type Class string

// Classes.
const (
	ClassOK            Class = "ok"
	ClassRegression    Class = "regression"
	ClassRebootInduced Class = "reboot-induced"
	ClassPreExisting   Class = "pre-existing"
	ClassFixed         Class = "fixed"
	ClassFlaky         Class = "flaky"
	ClassNotRun        Class = "not-run"
)

// RecordVersion is the version of the run record's format.
const RecordVersion = 1

// Record is the run record: what `patchlab test --format json` prints and
// runs/<lab>/<run>/run.json holds. Fields are only ever added.
type Record struct {
	Version int         `json:"version"`
	Lab     string      `json:"lab"`
	Client  string      `json:"client,omitempty"`
	Run     string      `json:"run"`
	Started time.Time   `json:"started"`
	Seconds float64     `json:"seconds"`
	Patch   PatchRecord `json:"patch"`
	// Definition is what the lab's definition said.
	Definition Fingerprint     `json:"definition"`
	Verdict    Verdict         `json:"verdict"`
	Reason     string          `json:"reason"` // one sentence
	Checks     []CheckRecord   `json:"checks"`
	Machines   []MachineRecord `json:"machines"`
	Networks   []NetworkRecord `json:"networks"`
	Phases     []PhaseRecord   `json:"phases"`
	Egress     []EgressAttempt `json:"egress"`
	Findings   []Finding       `json:"findings"`
	Ready      ReadyRecord     `json:"ready"`
	Control    ControlRecord   `json:"control"`
	// Changes is what is different on the machines after the patch, without
	// what changed in the control arm too: of that, Noise counts how much.
	Changes []StateChange  `json:"changes"`
	Noise   int            `json:"noise"`
	Gaps    []string       `json:"gaps,omitempty"` // what of the machines' state could not be looked at
	Backout *BackoutRecord `json:"backout,omitempty"`
	// Spared are the targets of later waves, which were left alone because an
	// earlier wave failed: so would they have been in production.
	Spared []string `json:"spared,omitempty"`
	// Retain is how long the definition wants runs kept; nil: it does not say.
	Retain *Retention `json:"retain,omitempty"`
	// Trial says that the run was one trial of a bisection: of a part of a
	// batch, without a look at the machines' state.
	Trial    bool       `json:"trial,omitempty"`
	Reverted bool       `json:"reverted"` // Receipt.Proven
	Receipt  Receipt    `json:"receipt"`
	Dir      string     `json:"dir"` // absolute path of the record's folder
	Tool     ToolRecord `json:"tool"`
}

// PatchRecord pins the patch by its bytes.
type PatchRecord struct {
	Name   string       `json:"name"`
	Kind   PatchKind    `json:"kind"`
	SHA256 string       `json:"sha256"` // of the sorted lines "<sha256>  <name>\n" of Files
	Files  []FileRecord `json:"files"`
}

// FileRecord is one file of a patch.
type FileRecord struct {
	Name   string `json:"name"`   // relative to the patch's folder
	SHA256 string `json:"sha256"` // lower-case hex
	Size   int64  `json:"size"`   // bytes
	// Package, Version and Arch are what a .deb or .rpm says of itself.
	Package string `json:"package,omitempty"`
	Version string `json:"version,omitempty"` // as dpkg or rpm writes it, with epoch
	Arch    string `json:"arch,omitempty"`
	// Beside says that the file is no part of what is rolled out: a bundle's
	// list, and the packages that it holds for the way back.
	Beside bool `json:"beside,omitempty"`
}

// CheckRecord is one check with its outcome in each arm.
type CheckRecord struct {
	Name     string              `json:"name"`
	Kind     string              `json:"kind"`
	From     string              `json:"from"` // machine's name, or "gateway of <network>"
	Severity Severity            `json:"severity"`
	Class    Class               `json:"class"`
	Arms     map[Arm]CheckResult `json:"arms"`
	Message  string              `json:"message"`
}

// MachineRecord is one machine's part in a run.
type MachineRecord struct {
	Name         string        `json:"name"`
	Image        string        `json:"image"` // SHA-256 of the base disk
	Target       bool          `json:"target"`
	Wave         int           `json:"wave,omitempty"` // 1-based; 0 when not patched
	Outcome      *PatchOutcome `json:"outcome,omitempty"`
	Reboots      int           `json:"reboots"`
	RebootReason string        `json:"reboot_reason,omitempty"`
	Verified     bool          `json:"verified"`            // rebooted once more after all else was done
	Confirmed    string        `json:"confirmed,omitempty"` // what the system says of the patch at the end
	Stale        []string      `json:"stale,omitempty"`     // services that run what the patch replaced
	Console      string        `json:"console,omitempty"`   // path below Dir
	// What the definition says of it; System is what it says of itself before
	// the patch, such as "Debian GNU/Linux 12 (bookworm), kernel 6.1.0-50"
	// (untrusted).
	OS        OS          `json:"os,omitempty"`
	System    string      `json:"system,omitempty"`
	MemoryMiB int         `json:"memory_mib,omitempty"`
	CPUs      int         `json:"cpus,omitempty"`
	NICs      []NICRecord `json:"nics,omitempty"`
}

// NICRecord is one network card of a machine.
type NICRecord struct {
	Network string   `json:"network"`
	Address string   `json:"address,omitempty"` // empty: from DHCP
	MAC     string   `json:"mac"`
	Names   []string `json:"names,omitempty"`
}

// NetworkRecord is one network of the lab.
type NetworkRecord struct {
	Name    string `json:"name"`
	Subnet  string `json:"subnet"`
	Gateway string `json:"gateway"`
	Domain  string `json:"domain"`
}

// BackoutResult says how a patch could be taken out.
type BackoutResult string

// Back-out results.
const (
	BackedOutClean  BackoutResult = "clean"     // all is as it was
	BackedOutLeaves BackoutResult = "leaves"    // all checks are as they were; something is left, or other than before
	BackedOutBroken BackoutResult = "broken"    // it was taken out, and a check that passed before fails
	NoBackout       BackoutResult = "cannot"    // there is no way back, or it failed
	BackoutNotTried BackoutResult = "not-tried" // or nobody could look at what came of it
)

// BackoutRecord is the proof, or its failure, that a patch can be taken out.
type BackoutRecord struct {
	Result   BackoutResult    `json:"result"`
	Reason   string           `json:"reason"`  // one sentence
	Seconds  float64          `json:"seconds"` // until the last machine was back
	Machines []BackoutMachine `json:"machines"`
	Left     []StateChange    `json:"left"` // what is other than before the patch, without what changed in the control arm too
}

// BackoutMachine is what came of taking the patch out on one machine.
type BackoutMachine struct {
	Name string `json:"name"`
	BackoutOutcome
	Seconds float64 `json:"seconds"`
}

// ReadyRecord is the ready state that the run's instances were forked from.
type ReadyRecord struct {
	Key     string    `json:"key"`   // hash of what shaped it, 64 hex digits
	Built   bool      `json:"built"` // by this run; otherwise it was there
	Created time.Time `json:"created"`
	Memory  string    `json:"memory"`  // "fork": copy-on-write; "restore": read from a save file
	Seconds float64   `json:"seconds"` // that getting it took this run
}

// ControlRecord says how the control arm was run.
type ControlRecord struct {
	Mode   string `json:"mode"`             // "concurrent", "sequential" or "off"
	Reason string `json:"reason,omitempty"` // why not concurrent
}

// Receipt proves that a revert left nothing of the later time.
type Receipt struct {
	Proven    bool     `json:"proven"`    // all of the below holds
	Instances []string `json:"instances"` // ids of the instances that were reverted
	Nonce     bool     `json:"nonce"`     // the memory of every machine holds the ready state's nonce
	Marker    bool     `json:"marker"`    // no marker of the later time is on a disk or in memory
	Layers    bool     `json:"layers"`    // the frozen files are unchanged
	Check     string   `json:"check"`     // how the files were compared: "fast" (size and times) or "full" (SHA-256)
	Files     int      `json:"files"`     // how many
	Gone      bool     `json:"gone"`      // processes, sockets and folders of the instances
	Problems  []string `json:"problems,omitempty"`
	Notes     []string `json:"notes,omitempty"` // what could not be looked at, and why that is no problem
	Seconds   float64  `json:"seconds"`
}

// PhaseRecord is one step of a run, for the timeline.
type PhaseRecord struct {
	Name    string    `json:"name"`
	Arm     Arm       `json:"arm"`
	Machine string    `json:"machine,omitempty"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Error   string    `json:"error,omitempty"`
}

// Finding is a fault noticed outside of the checks.
type Finding struct {
	Patch   bool   `json:"patch"`             // whether the patch is to blame; otherwise the lab or the host is
	Host    bool   `json:"host"`              // whether this host is to blame: then nothing else in the run counts
	Warning bool   `json:"warning,omitempty"` // worth knowing, without effect on the verdict
	Arm     Arm    `json:"arm"`
	Machine string `json:"machine,omitempty"`
	Summary string `json:"summary"`
	Tail    string `json:"tail,omitempty"` // console or command output; untrusted
	Log     string `json:"log,omitempty"`  // path below Dir
	// Condition is what a look at the machine showed; Screenshot the path of
	// its display's picture (PNG) below Dir.
	Condition  Condition `json:"condition,omitempty"`
	Screenshot string    `json:"screenshot,omitempty"`
}

// ToolRecord says what made the record.
type ToolRecord struct {
	Patchlab string `json:"patchlab"`
	Accel    string `json:"accel,omitempty"` // "kvm" or "tcg"
	Host     string `json:"host"`
	QEMU     string `json:"qemu,omitempty"`    // version, as it says it
	Libvirt  string `json:"libvirt,omitempty"` // version
	Kernel   string `json:"kernel,omitempty"`  // of the host
}
