package lab

import (
	"time"
)

// Arm is one instance's part in a run.
type Arm string

// Arms.
const (
	ArmBaseline Arm = "baseline"
	ArmControl  Arm = "control"
	ArmPatched  Arm = "patched"
	ArmBackout  Arm = "backout"
	ArmUp       Arm = "up" // an instance somebody works in, of no run
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
	Version  int             `json:"version"`
	Lab      string          `json:"lab"`
	Client   string          `json:"client,omitempty"`
	Run      string          `json:"run"`
	Started  time.Time       `json:"started"`
	Seconds  float64         `json:"seconds"`
	Patch    PatchRecord     `json:"patch"`
	Verdict  Verdict         `json:"verdict"`
	Reason   string          `json:"reason"` // one sentence
	Checks   []CheckRecord   `json:"checks"`
	Machines []MachineRecord `json:"machines"`
	Phases   []PhaseRecord   `json:"phases"`
	Egress   []EgressAttempt `json:"egress"`
	Findings []Finding       `json:"findings"`
	Reverted bool            `json:"reverted"` // every instance of the run is gone: processes and folder
	Dir      string          `json:"dir"`      // absolute path of the record's folder
	Tool     ToolRecord      `json:"tool"`
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
	Console      string        `json:"console,omitempty"` // path below Dir
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
	Patch   bool   `json:"patch"` // whether the patch is to blame; otherwise the lab or the host is
	Host    bool   `json:"host"`  // whether this host is to blame: then nothing else in the run counts
	Arm     Arm    `json:"arm"`
	Machine string `json:"machine,omitempty"`
	Summary string `json:"summary"`
	Tail    string `json:"tail,omitempty"` // console or command output; untrusted
	Log     string `json:"log,omitempty"`  // path below Dir
}

// ToolRecord says what made the record.
type ToolRecord struct {
	Patchlab string `json:"patchlab"`
	Accel    string `json:"accel,omitempty"` // "kvm" or "tcg"
	Host     string `json:"host"`
}
