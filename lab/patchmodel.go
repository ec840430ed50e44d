package lab

import "time"

// RebootPolicy says whether machines are rebooted after a patch.
type RebootPolicy string

// Reboot policies.
const (
	RebootAuto   RebootPolicy = "auto" // while the system asks for it; the default
	RebootAlways RebootPolicy = "always"
	RebootNever  RebootPolicy = "never"
)

// PatchKind is how a patch is applied.
type PatchKind string

// Patch kinds.
const (
	PatchDeb    PatchKind = "deb"    // .deb files, installed together by apt without any network
	PatchApt    PatchKind = "apt"    // packages by name, from a bundle of .deb files
	PatchRPM    PatchKind = "rpm"    // .rpm files, installed together by dnf, zypper or rpm without any network
	PatchDNF    PatchKind = "dnf"    // packages by name, from a bundle of .rpm files
	PatchZypper PatchKind = "zypper" // as PatchDNF
	PatchScript PatchKind = "script" // one script, with files beside it
	PatchFile   PatchKind = "file"   // files that replace others
	PatchMSU    PatchKind = "msu"    // Windows update packages; several are a folder of checkpoint updates
	PatchCAB    PatchKind = "cab"    // by DISM
	PatchMSP    PatchKind = "msp"    // by msiexec
	PatchMSI    PatchKind = "msi"    // by msiexec
	PatchEXE    PatchKind = "exe"    // a Windows installer with its arguments
	PatchBatch  PatchKind = "batch"  // several patches, one after the other
)

// Patch is what is being tested.
type Patch struct {
	Name     string
	Pos      Pos // the zero Pos for a patch named by its path
	Kind     PatchKind
	Files    []string // absolute paths, sorted: the packages, or the files a script is given
	Packages []string // "name" or "name=version"; of PatchApt, PatchDNF and PatchZypper
	// Bundle is the absolute path of a folder made by patchlab bundle: with
	// the packages of a patch that names them, and with those that the
	// machines had before, for taking out one that has Files. Empty: none.
	Bundle      string
	Script      string        // absolute path; of PatchScript alone
	Args        []string      // arguments of Script, or of an installer (exe, msi, msp)
	Interpreter []string      // what runs Script, such as ["python3", "-u"]; nil: its #! line, else sh (PowerShell on Windows)
	Replace     []Replacement // of PatchFile
	Restart     []string      // services to restart after PatchFile
	Parts       []*Patch      // of PatchBatch, in the order they are applied
	Targets     []*Machine
	Reboot      RebootPolicy
	Timeout     time.Duration // for applying it on one machine; 30 min by default

	// VerifyReboot reboots each machine once more when all else is done and
	// the checks pass, unless Reboot is RebootNever: what works until the next
	// reboot is found so. True by default.
	VerifyReboot bool
	// Confirm is a command by which a script's patch is confirmed to be in,
	// by exit code 0; empty: the script's own exit code says it.
	Confirm string
	// Backout asks for the proof that the patch can be taken out again; nil:
	// not asked for.
	Backout *Backout
	// Expect says which changes of machines the patch may make; nil: any.
	Expect *Expect

	// InstalledOnly is set for a patch named by its path without targets: it
	// is applied only on those Targets that have one of its packages already.
	InstalledOnly bool
}

// Replacement is a file that takes the place of another.
type Replacement struct {
	Source string // absolute path on the host
	Dest   string // absolute path on the machine
	Owner  string // "user" or "user:group"; empty: as the file that is replaced, root:root for a new one
	Mode   string // four octal digits; empty: as the file that is replaced, 0644 for a new one
}

// Backout says how a patch is taken out.
type Backout struct {
	Script   string   // absolute path: takes out a PatchScript or PatchEXE; empty: as the kind does by itself
	Args     []string // of Script
	Required bool     // a patch that cannot be taken out clean fails
}

// Expect says which changes a patch is expected to make to a machine's state.
type Expect struct {
	// Changes are patterns "kind" or "kind:name", where name may hold "*"
	// (any text): "package", "file:/etc/apache2/*". Kinds are StateKinds.
	Changes  []string
	Severity Severity // of any other change: Critical fails the patch, Warning is only told
}
