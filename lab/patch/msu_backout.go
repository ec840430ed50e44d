package patch

import (
	"context"
	"regexp"

	"github.com/patchlab/patchlab/lab"
)

func backoutMSU(ctx context.Context, j *job, o lab.PatchOutcome) (lab.BackoutOutcome, error) {
	return j.backoutUpdate(ctx, o)
}

func backoutCAB(ctx context.Context, j *job, o lab.PatchOutcome) (lab.BackoutOutcome, error) {
	return j.backoutUpdate(ctx, o)
}

// backoutUpdate removes the packages that came with the patch, by DISM: wusa
// refuses to uninstall what came together with a servicing stack, which
// itself stays for good.
func (j *job) backoutUpdate(ctx context.Context, o lab.PatchOutcome) (lab.BackoutOutcome, error) {
	undo, _ := o.Undo.(updateUndo)
	var remove []string
	for _, identity := range undo.added {
		if !servicingStack(identity) {
			remove = append(remove, identity)
		}
	}
	if len(remove) == 0 {
		why := "it is not known which packages came with it"
		if len(undo.added) > 0 {
			why = "it is a servicing stack, which Windows keeps for good"
		}
		return lab.BackoutOutcome{Status: lab.CannotTakeOut, Message: why}, nil
	}
	if err := j.makeStage(ctx); err != nil {
		return lab.BackoutOutcome{}, err
	}
	before, err := j.servicing(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	b := lab.BackoutOutcome{Status: lab.TakenOut}
	for _, identity := range remove {
		if !safeIdentity.MatchString(identity) {
			return lab.BackoutOutcome{Status: lab.CannotTakeOut, Message: "a package has the name " + lab.Printable(identity, 100)}, nil
		}
		p := j.dismRemove(identity)
		e, err := j.installWindows(ctx, p)
		if err != nil {
			return lab.BackoutOutcome{}, err
		}
		if b = j.endBackout(p, e); b.Status != lab.TakenOut {
			return b, nil
		}
	}
	after, err := j.servicing(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	for _, identity := range remove {
		if after.in(identity) {
			return lab.BackoutOutcome{Status: lab.BackoutFailed, ExitCode: b.ExitCode, Message: "DISM reports success, but " + identity + " is " + after.packages[identity]}, nil
		}
	}
	b.Packages = before.changes(after)
	for i, c := range b.Packages {
		b.Packages[i].From, b.Packages[i].To = c.To, c.From
	}
	return b, nil
}

// safeIdentity is what may stand on a command line: the machine
// said it.
var safeIdentity = regexp.MustCompile(`^[A-Za-z0-9._~+-]{1,250}$`)

// endBackout is what the end of a program that takes something out says.
func (j *job) endBackout(p program, e ended) lab.BackoutOutcome {
	o := j.endOutcome(p, e)
	b := lab.BackoutOutcome{Status: lab.BackoutFailed, Message: o.Message, ExitCode: o.ExitCode}
	switch {
	case e.late || e.fault != "":
	case o.Status == lab.Applied:
		b.Status = lab.TakenOut
	case meaning(e.code).class == codePermanent:
		b.Status = lab.CannotTakeOut
	}
	return b
}
