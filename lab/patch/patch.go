// Package patch stages and applies patches on machines, one implementation
// for each kind, and says what came of it. It also recognises a patch that
// just arrived as a file or a folder, and pins a patch by the bytes of its
// files.
//
// It does not decide which machines are patched when, or whether a patch is
// good (package lab).
package patch

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	askLimit     = 5 * time.Minute  // for a question about packages to an emulated machine
	cleanLimit   = time.Minute      // for removing what was staged
	lostLimit    = 10 * time.Second // the same, on a machine that seems lost
	messageLimit = 400              // bytes of an outcome's message
)

// Applier applies patches. It implements lab.Patcher. The zero Applier is
// ready to use; its methods may be called at the same time.
type Applier struct {
	// Redact takes secrets out of text before it is cut; nil: there are none.
	Redact func(string) string
}

var _ lab.Patcher = Applier{}

// Apply stages p on g, applies it and removes what was staged. See
// lab.Patcher. Log may be nil.
func (a Applier) Apply(ctx context.Context, p *lab.Patch, g lab.Guest, log io.Writer, pr lab.Progress) (out lab.PatchOutcome, err error) {
	k, err := kindOf(p)
	if err != nil {
		return out, err
	}
	j := a.job(p, g, log, pr)
	if reason := k.misfit(p, g.Machine()); reason != "" {
		return lab.PatchOutcome{Status: lab.NotApplicable, Message: j.printable(reason)}, nil
	}
	defer func() { j.clean(ctx, err) }()
	out, err = k.apply(ctx, j)
	out.Message = j.printable(out.Message)
	out.Started = j.started
	return out, err
}

// Confirm implements lab.Patcher.
func (a Applier) Confirm(ctx context.Context, p *lab.Patch, g lab.Guest, o lab.PatchOutcome) (in bool, message string, err error) {
	k, err := kindOf(p)
	if err != nil {
		return false, "", err
	}
	if o.Status != lab.Applied && o.Status != lab.AlreadyInstalled {
		return false, "the patch was not applied", nil
	}
	j := a.job(p, g, nil, nil)
	defer func() { j.clean(ctx, err) }()
	in, message, err = k.confirm(ctx, j, o)
	return in, j.printable(message), err
}

// Stale implements lab.Patcher.
func (a Applier) Stale(ctx context.Context, g lab.Guest) ([]string, error) {
	j := a.job(nil, g, nil, nil)
	services, err := stale(ctx, j)
	for i := range services {
		services[i] = j.printable(services[i])
	}
	return services, err
}

// Backout implements lab.Patcher. Log may be nil. A patch that changed
// nothing on the machine is left alone.
func (a Applier) Backout(ctx context.Context, p *lab.Patch, g lab.Guest, o lab.PatchOutcome, log io.Writer, pr lab.Progress) (lab.BackoutOutcome, error) {
	k, err := kindOf(p)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	if o.Status != lab.Applied {
		return lab.BackoutOutcome{Status: lab.NotBackedOut, Message: "the patch was not applied here"}, nil
	}
	j := a.job(p, g, log, pr)
	out, err := k.backout(ctx, j, o)
	j.clean(ctx, err)
	out.Message = j.printable(out.Message)
	return out, err
}

// kindOf is the row of p's kind in the table of kinds.
func kindOf(p *lab.Patch) (kind, error) {
	k, ok := kinds()[p.Kind]
	if !ok {
		return k, fmt.Errorf("cannot apply patch %q: this version knows no patch of kind %q", p.Name, p.Kind)
	}
	return k, nil
}
