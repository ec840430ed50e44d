// Package check makes smoke checks: one attempt of each kind, the retries
// around them, and the words for what was seen.
//
// A check passes only when everything that it asserts was seen to hold: a
// timeout, an answer that broke off or one of which only a part was read is
// no pass. The package does not know what a result means for a patch.
package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

const (
	maxMessage  = 400     // bytes
	maxEvidence = 4 << 10 // bytes
)

// Runner makes checks. It implements lab.CheckRunner. The zero Runner is
// ready to use; its methods may be called at the same time.
type Runner struct {
	// Redact takes secrets out of text before it is cut; nil: there are none.
	Redact func(string) string
	// RebootPending reports whether a machine asks for a reboot, and why; nil:
	// checks for that fail.
	RebootPending func(ctx context.Context, g lab.Guest) (pending bool, reason string, err error)
}

var _ lab.CheckRunner = Runner{}

// attempt makes one attempt of a check of any kind. This is the table of
// kinds.
func (r Runner) attempt(ctx context.Context, spec lab.CheckSpec, at place) finding { //nolint:funlen // one row for each kind
	switch s := spec.(type) {
	case *lab.CommandCheck:
		return command(ctx, s, at)
	case *lab.TCPCheck:
		return tcp(ctx, s, at)
	case *lab.UDPCheck:
		return udpCheck(ctx, s, at)
	case *lab.PingCheck:
		return pingCheck(ctx, s, at)
	case *lab.DNSCheck:
		return name(ctx, s, at)
	case *lab.TLSCheck:
		return tlsCheck(ctx, s, at)
	case *lab.HTTPCheck:
		return web(ctx, s, at)
	case *lab.SMTPCheck:
		return smtpCheck(ctx, s, at)
	case *lab.IMAPCheck:
		return imapCheck(ctx, s, at)
	case *lab.POP3Check:
		return pop3Check(ctx, s, at)
	case *lab.LDAPCheck:
		return ldapCheck(ctx, s, at)
	case *lab.SMBCheck:
		return smbCheck(ctx, s, at)
	case *lab.SQLCheck:
		return sqlCheck(ctx, s, at)
	case *lab.SSHCheck:
		return sshCheck(ctx, s, at)
	case *lab.ServiceCheck:
		return service(ctx, s, at)
	case *lab.PackageCheck:
		return packageCheck(ctx, s, at)
	case *lab.ProcessCheck:
		return processCheck(ctx, s, at)
	case *lab.ListenCheck:
		return listenCheck(ctx, s, at)
	case *lab.FileCheck:
		return fileCheck(ctx, s, at)
	case *lab.MountCheck:
		return mountCheck(ctx, s, at)
	case *lab.DiskCheck:
		return diskCheck(ctx, s, at)
	case *lab.UserCheck:
		return userCheck(ctx, s, at)
	case *lab.GroupCheck:
		return groupCheck(ctx, s, at)
	case *lab.KernelParameterCheck:
		return sysctlCheck(ctx, s, at)
	case *lab.TaskCheck:
		return taskCheck(ctx, s, at)
	case *lab.RegistryCheck:
		return registryCheck(ctx, s, at)
	case *lab.HotfixCheck:
		return hotfixCheck(ctx, s, at)
	case *lab.FeatureCheck:
		return featureCheck(ctx, s, at)
	case *lab.IISSiteCheck:
		return iisSiteCheck(ctx, s, at)
	case *lab.LogCheck:
		return logCheck(ctx, s, at)
	case *lab.PerformanceCheck:
		return performanceCheck(ctx, s, at)
	case *lab.RebootCheck:
		return r.rebootCheck(ctx, s, at)
	case *lab.CombinedCheck:
		return r.combinedCheck(ctx, s, at)
	}
	return finding{faults: []string{fmt.Sprintf("this version knows no check of kind %q", spec.Kind())}}
}

// place is where a check is made from, with its name.
type place struct {
	lab.Place
	name    string
	os      lab.OS        // of the machine; empty at a gateway
	timeout time.Duration // of one attempt
	redact  func(string) string
}

// from is the place that c is made from.
func (r Runner) from(c *lab.Check, at lab.Place) place {
	p := place{Place: at, name: c.Place(), timeout: c.Timeout, redact: r.Redact}
	if p.redact == nil {
		p.redact = func(s string) string { return s }
	}
	if c.From != nil && c.From.Image != nil {
		p.os = c.From.Image.OS
	}
	return p
}

// RunCheck makes check c with its timeout and retries. See lab.CheckRunner.
// When ctx ends, the result is that of the last attempt, not passed.
func (r Runner) RunCheck(ctx context.Context, c *lab.Check, at lab.Place) lab.CheckResult {
	start, from := time.Now(), r.from(c, at)
	var last finding
	attempts := 0
	// Wait's error only says that the attempts were used up or ctx ended:
	// the last finding says more.
	_ = guest.Wait(ctx, guest.Waiting{What: "check " + c.Name, Interval: c.Interval}, func(ctx context.Context) error {
		attempts++
		last = r.limited(ctx, c, from)
		switch {
		case last.passed():
			return nil
		case attempts > c.Retries:
			return guest.Permanent(errFailed)
		}
		return errFailed
	})
	return lab.CheckResult{
		Passed:   last.passed(),
		Message:  lab.Printable(from.redact(last.message(from.name, c.Timeout)), maxMessage),
		Evidence: lab.PrintableText(from.redact(last.evidence), maxEvidence),
		Attempts: attempts,
		Duration: time.Since(start),
		Samples:  last.samples,
		Known:    last.known,
	}
}

var errFailed = errors.New("the check failed")

// limited makes one attempt within the check's timeout. An attempt that found
// all well but took longer has failed too.
func (r Runner) limited(ctx context.Context, c *lab.Check, at place) finding {
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	f := r.attempt(ctx, c.Spec, at)
	// Whatever a connection says that was closed because time is up, that is
	// the cause; an error that names a machine says more.
	if _, machine := errors.AsType[*lab.GuestError](f.err); ctx.Err() != nil && !machine {
		f.err = context.Cause(ctx)
	}
	return f
}
