package lab

import (
	"context"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"time"
)

// Host makes instances of labs. It is what a run needs of the virtualisation.
type Host interface {
	// Ready returns the ready state of l, made first where there is none that
	// fits: then the machines boot, in dependency order, are set up, come to
	// rest and are saved, all at one instant. Phases go to o with ArmReady,
	// logs to logs; when machines do not come up, their consoles too, as
	// "console-<machine>.log". Errors: those of Boot; *HostError; *BusyError
	// when the memory is not there. On error nothing is left.
	Ready(ctx context.Context, l *Lab, logs Logs, o Observer) (Ready, error)
}

// Ready is a lab's ready state, which instances are forked from. It is kept on
// this host for later runs, and never changes.
type Ready interface {
	// Record describes it for the run record.
	Record() ReadyRecord
	// ImageSHA256 names the image that m stands on by its content.
	ImageSHA256(m *Machine) string
	// Fork makes a running instance: when it returns, every machine has been
	// resumed in the same moment, proved by its nonce to be the one that was
	// saved, has the right time, answers over SSH, and carries a marker by
	// which Prove knows it. The instance dies with this process. Patient
	// waits for memory that others hold; otherwise that is a *BusyError at
	// once. On error nothing is left.
	Fork(ctx context.Context, arm Arm, patient bool, p Progress) (Instance, error)
	// Prove makes the revert receipt of instances that were destroyed: it
	// forks once more, looks for what they left, and compares the ready
	// state's files; full reads all of them instead of trusting the file
	// system's times. What cannot be proven is in the receipt.
	Prove(ctx context.Context, instances []string, full bool, p Progress) Receipt
}

// Booter starts machines that are not running yet.
type Booter interface {
	// Boot starts machine m and returns when SSH answers on it and its
	// first-boot configuration is done. A machine that does not come up
	// gives a *GuestError with the tail of its console.
	Boot(ctx context.Context, m *Machine, p Progress) (Guest, error)
}

// Instance is one running copy of a lab.
type Instance interface {
	// ID names the instance on this host.
	ID() string
	// Guest is machine m, connected.
	Guest(m *Machine) Guest
	// Gateway dials into the lab from n's gateway.
	Gateway(n *Network) Dialer
	// Egress returns what machines tried to reach outside the lab so far,
	// most frequent first.
	Egress(ctx context.Context) ([]EgressAttempt, error)
	// Sound returns a *HostError when this host, and no machine, is at fault:
	// the instance's process died, a QEMU died, a disk could not be written.
	// From then on the instance says nothing about the patch.
	Sound(ctx context.Context) error
	// Diagnose says why m does not do what it should: it looks at QEMU, the
	// console, the network and the SSH port.
	Diagnose(ctx context.Context, m *Machine) Diagnosis
	// ConsoleLog is the path of m's console log.
	ConsoleLog(m *Machine) string
	// Destroy ends the machines and the instance's process and removes its
	// folder. It goes on past errors, and may be called again.
	Destroy(ctx context.Context) error
}

// Condition is what ails a machine.
type Condition string

// Conditions of machines.
const (
	Healthy     Condition = "healthy"      // SSH answers
	Panicked    Condition = "panicked"     // its kernel gave up
	PoweredOff  Condition = "powered-off"  // it ended by itself
	Unbootable  Condition = "unbootable"   // firmware, boot loader or initramfs found nothing to start
	Hung        Condition = "hung"         // neither console nor network answers
	NetworkGone Condition = "network-gone" // the console answers, the network does not
	SSHGone     Condition = "ssh-gone"     // the network answers, SSH does not
	HostAtFault Condition = "host"         // see Instance.Sound
)

// Diagnosis is what a look at a machine from outside showed.
type Diagnosis struct {
	Condition  Condition
	Detail     string // one sentence about what was seen
	Screenshot []byte // of the display, PNG; nil when there is none
}

// Dialer opens connections from one place in a lab's network.
type Dialer interface {
	// DialContext connects to addr, "host:port". Network is "tcp"; at a
	// gateway also "udp". The host may be a name: it is resolved at that
	// place.
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// Pinger is a Dialer that can send ICMP echo requests, as gateways can.
type Pinger interface {
	// Ping sends count echo requests to host, a name or an address, and
	// returns how many were answered, and how long the fastest took.
	Ping(ctx context.Context, host string, count int) (answered int, fastest time.Duration, err error)
}

// Guest is a running machine of an instance, reached over SSH. Its methods
// may be called at the same time. Whatever it returns from the machine is
// untrusted.
type Guest interface {
	Dialer
	// Machine is the machine's definition.
	Machine() *Machine
	// Run runs one command. A command that ran and exited non-zero is no
	// error: see Output.ExitCode. Errors: *GuestError when the machine or
	// its connection is at fault; ctx's error when it ended (the command is
	// killed as far as the machine allows).
	Run(ctx context.Context, c Command) (Output, error)
	// Upload copies a file or, recursively, a directory to the absolute path
	// dst on the machine, makes the parents, and verifies the SHA-256 on the
	// other side.
	Upload(ctx context.Context, src, dst string, mode fs.FileMode, p Progress) error
	// Reboot restarts the machine and returns when SSH answers with another
	// boot id and the system has settled.
	Reboot(ctx context.Context, p Progress) error
	// Settle waits until the system is at rest: boot finished, no package
	// manager running.
	Settle(ctx context.Context, p Progress) error
	// Close drops the connection. The machine runs on.
	Close() error
}

// Command is a command to run on a machine.
type Command struct {
	// Shell is given to "sh -c" (PowerShell on Windows). Anything variable
	// in it must have gone through guest.Quote.
	Shell string
	Stdin io.Reader // nil: empty
	// Stdout and Stderr receive all output as it comes; nil: dropped. Output
	// keeps a limited part in any case.
	Stdout, Stderr io.Writer
	Env            map[string]string
	Timeout        time.Duration // 0: only ctx limits it
}

// Output is what a command left. The machine's bytes, unfiltered.
type Output struct {
	ExitCode       int    // -1 when killed by a signal
	Signal         string // such as "KILL"; empty when it exited by itself
	Stdout, Stderr []byte // head and tail of at most 256 KiB together each, a line of "…" between them when cut
	Truncated      bool
	Duration       time.Duration
}

// EgressAttempt counts what one machine tried to reach outside the lab.
type EgressAttempt struct {
	Machine  string     `json:"machine"` // empty when the sender is not a machine of the lab
	Source   netip.Addr `json:"source"`
	Protocol string     `json:"protocol"` // "tcp", "udp", "icmp", "dns" or "ip/<number>"
	To       string     `json:"to"`       // "203.0.113.7:443", or the name asked for
	Count    int        `json:"count"`
	First    time.Time  `json:"first"`
	Last     time.Time  `json:"last"`
}

// CheckRunner makes one check. The implementation holds one entry for each
// kind of check.
type CheckRunner interface {
	// RunCheck makes check c once with its timeout and retries, from guest g
	// (nil when c.From is nil) or through dialer d. It never returns an
	// error: what went wrong is in the result.
	RunCheck(ctx context.Context, c *Check, at Place) CheckResult
}

// Place is where a check is made from.
type Place struct {
	Guest  Guest          // nil at a gateway
	Dialer Dialer         // never nil: the guest itself, or the gateway
	DNS    netip.AddrPort // the name server machines are given there
	// Before is what the check came to in the baseline; nil: this is the
	// baseline, or it was not made there.
	Before *CheckResult
	// HostKey returns the SSH host key of a machine of the lab by the name or
	// address that a check uses for it, as in an authorized_keys file; empty:
	// it is none of the lab's.
	HostKey func(host string) string
}

// CheckResult is the outcome of one check in one arm.
type CheckResult struct {
	Passed   bool          `json:"passed"`
	Message  string        `json:"message"`            // one line: what was seen, and what was wanted where it failed
	Evidence string        `json:"evidence,omitempty"` // at most 4 KiB of what came back
	Attempts int           `json:"attempts"`
	Duration time.Duration `json:"-"`
	Seconds  float64       `json:"seconds"` // Duration, for the record: the run fills it in
	// Samples are what a PerformanceCheck measured, in seconds; Known are the
	// messages that a LogCheck found, without numbers, at most 500.
	Samples []float64 `json:"samples,omitempty"`
	Known   []string  `json:"known,omitempty"`
}

// Patcher applies patches. The implementation holds one entry for each kind.
type Patcher interface {
	// Apply stages patch p on g, applies it and says what came of it. A
	// patch that the machine refuses is an outcome, not an error; errors are
	// for machine and connection (*GuestError) and ctx.
	Apply(ctx context.Context, p *Patch, g Guest, log io.Writer, pr Progress) (PatchOutcome, error)
	// RebootPending reports whether the system asks for a reboot, and why.
	RebootPending(ctx context.Context, g Guest) (pending bool, reason string, err error)
	// Confirm reports whether p, which was applied on g with outcome o, is
	// really in, by what the system says after all reboots: package versions,
	// build number, hashes of files. Message says what was seen.
	Confirm(ctx context.Context, p *Patch, g Guest, o PatchOutcome) (in bool, message string, err error)
	// Stale lists the services that still run files which were replaced or
	// deleted, sorted.
	Stale(ctx context.Context, g Guest) (services []string, err error)
	// Backout takes p, which was applied on g with outcome o, out again, as
	// an administrator would in production.
	Backout(ctx context.Context, p *Patch, g Guest, o PatchOutcome, log io.Writer, pr Progress) (BackoutOutcome, error)
}

// BackoutOutcome is what came of taking a patch out on one machine.
type BackoutOutcome struct {
	Status   BackoutStatus   `json:"status"`
	Message  string          `json:"message"` // one line: the cause where it was not taken out
	ExitCode int             `json:"exit_code"`
	Packages []PackageChange `json:"packages,omitempty"`
}

// BackoutStatus is what came of taking a patch out on one machine.
type BackoutStatus string

// What came of taking a patch out.
const (
	TakenOut      BackoutStatus = "taken-out"
	CannotTakeOut BackoutStatus = "cannot"  // there is no way back; nothing was tried
	BackoutFailed BackoutStatus = "failed"  // it was tried
	NotBackedOut  BackoutStatus = "skipped" // the patch was not in
)

// PatchStatus is what came of a patch on one machine.
type PatchStatus string

// What came of a patch.
const (
	Applied          PatchStatus = "applied"
	AlreadyInstalled PatchStatus = "already-installed"
	NotApplicable    PatchStatus = "not-applicable"
	PatchFailed      PatchStatus = "failed"
)

// PatchOutcome is what came of a patch on one machine.
type PatchOutcome struct {
	Status   PatchStatus `json:"status"`
	Message  string      `json:"message"` // one line: the cause where it failed
	ExitCode int         `json:"exit_code"`
	// Started says that the patch itself was begun: what happens to the
	// machine from then on is its doing. Also set beside an error.
	Started  bool            `json:"-"`
	Packages []PackageChange `json:"packages,omitempty"`
	// RebootNeeded says that the patch itself asks for a reboot, as by exit
	// code 3010.
	RebootNeeded bool `json:"reboot_needed,omitempty"`
	// Undo is what Backout and Confirm need to know of the patch's work; for
	// the Patcher alone.
	Undo any `json:"-"`
	// Parts are the outcomes of the parts of a batch that are for this
	// machine, in their order.
	Parts []PartOutcome `json:"parts,omitempty"`
}

// PartOutcome is what came of one part of a batch.
type PartOutcome struct {
	Patch string `json:"patch"`
	PatchOutcome
}

// PackageChange is a package whose version a patch changed.
type PackageChange struct {
	Name string `json:"name"`
	From string `json:"from,omitempty"` // empty: newly installed
	To   string `json:"to,omitempty"`   // empty: removed
}
