package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

const (
	// diagnoseLimit is how long a look at a machine may take.
	diagnoseLimit = 2 * time.Minute
	// maxScreenshot is the largest picture that is kept, in bytes.
	maxScreenshot = 64 << 20
	// tailBytes of a console go into a finding.
	tailBytes = 2048
)

// fault is what went wrong in an arm. Its Patch says whether the patch is
// suspected: the other arms have a say in whether it is blamed.
type fault struct {
	Finding
	rebooting bool // it came while the machine was rebooted
}

// fail keeps err, which came while the arm worked on m. The patch is
// suspected when it was begun there and the machine is at fault. A machine is
// looked at before anything else happens to it.
func (f *fork) fail(ctx context.Context, m *Machine, err error, begun, rebooting bool) {
	ft := fault{Finding: f.rec.describe(f.arm, err), rebooting: rebooting}
	ft.Machine = m.Name
	if isGuestFault(err) {
		ft.Patch = begun
		f.examine(ctx, m, &ft.Finding)
	}
	f.addFault(ft)
}

// refused keeps that m did not take the patch.
func (f *fork) refused(m *Machine, format string, args ...any) {
	text := "the patch " + fmt.Sprintf(format, args...)
	f.addFault(fault{Finding: Finding{
		Patch: true, Arm: f.arm, Machine: m.Name,
		Summary: Printable(f.rec.redact(text), 500), Log: f.logPath("patch", m),
	}})
}

// examine looks at a machine from outside and puts what is seen into the
// finding, with the picture of its display and the end of its console.
func (f *fork) examine(ctx context.Context, m *Machine, to *Finding) {
	ctx, cancel := context.WithTimeout(ctx, diagnoseLimit)
	defer cancel()
	d := f.inst.Diagnose(ctx, m)
	to.Condition = d.Condition
	if d.Detail != "" {
		to.Summary += "; " + Printable(f.rec.redact(d.Detail), 300)
	}
	if d.Condition == HostAtFault {
		to.Host, to.Patch = true, false
	}
	to.Screenshot = f.keepScreenshot(m, d.Screenshot)
	tail, ok := consoleTail(f.inst.ConsoleLog(m), f.rec.redact)
	if ok {
		to.Log = f.logPath("console", m) // written when the arm ends
	}
	if to.Tail == "" {
		to.Tail = tail
	}
}

// logPath is where a log of m in the arm lies below the record's folder. The
// arm comes first: "rerun-web" is a machine's name as well.
func (f *fork) logPath(kind string, m *Machine) string {
	return filepath.Join("logs", fmt.Sprintf("%s-%s-%s.log", kind, f.arm, m.Name))
}

// keepScreenshot saves the picture of m's display and returns its path below
// the record's folder; empty when there is none, or something else than PNG.
func (f *fork) keepScreenshot(m *Machine, png []byte) string {
	if !bytes.HasPrefix(png, []byte("\x89PNG\r\n\x1a\n")) || len(png) > maxScreenshot {
		return ""
	}
	name := filepath.Join("logs", fmt.Sprintf("screen-%s-%s.png", f.arm, m.Name))
	if err := os.WriteFile(filepath.Join(f.rec.dir, name), png, 0o600); err != nil {
		return "" // a full disk is the watcher's to notice
	}
	return name
}

// consoleTail returns the end of a console log without secrets, and whether
// there is such a log. More is read than returned, so that no secret is torn.
func consoleTail(path string, redact func(string) string) (string, bool) {
	in, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer in.Close()
	if size, err := in.Seek(0, io.SeekEnd); err == nil {
		_, _ = in.Seek(max(0, size-maxLogLine), io.SeekStart)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxLogLine))
	return lastBytes(redact(string(text)), tailBytes), err == nil
}

// describe makes a finding of err, with its tail when it has one.
func (r *recorder) describe(arm Arm, err error) Finding {
	f := Finding{Arm: arm, Summary: Printable(r.redact(err.Error()), 500)}
	_, f.Host = errors.AsType[*HostError](err)
	if ge, ok := errors.AsType[*GuestError](err); ok {
		f.Machine, f.Tail = ge.Machine, r.redact(ge.Tail)
	}
	return f
}

// finding adds err as a finding. The error of several machines gives one
// finding each.
func (r *recorder) finding(arm Arm, blamePatch bool, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			r.finding(arm, blamePatch, e)
		}
		return
	}
	f := r.describe(arm, err)
	f.Patch = blamePatch
	r.add(f)
}

func (r *recorder) add(f Finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rec.Findings = append(r.rec.Findings, f)
}
