package patch

import (
	"context"
	"fmt"

	"github.com/patchlab/patchlab/lab"
)

// backoutMSI uninstalls the products, the last one first. What made way for
// one would not come back: then there is no way back.
func backoutMSI(ctx context.Context, j *job, o lab.PatchOutcome) (lab.BackoutOutcome, error) {
	undos, _ := o.Undo.([]productUndo)
	for _, u := range undos {
		if u.replaced != "" {
			return lab.BackoutOutcome{Status: lab.CannotTakeOut, Message: fmt.Sprintf("%s %s took the place of %s, which uninstalling it does not bring back", u.name, u.version, u.replaced)}, nil
		}
	}
	var actions []string
	for i := len(undos) - 1; i >= 0; i-- {
		actions = append(actions, "/x "+undos[i].code)
	}
	return j.backoutProducts(ctx, actions, func(now products) string {
		for _, u := range undos {
			if _, has := now.installed[u.code]; has {
				return u.name + " is still installed"
			}
		}
		return ""
	})
}

// backoutProducts runs msiexec for each action, and then looks whether
// anything is left.
func (j *job) backoutProducts(ctx context.Context, actions []string, left func(products) string) (lab.BackoutOutcome, error) {
	if len(actions) == 0 {
		return lab.BackoutOutcome{Status: lab.CannotTakeOut, Message: "it is not known what came with it"}, nil
	}
	if err := j.makeStage(ctx); err != nil {
		return lab.BackoutOutcome{}, err
	}
	before, err := j.products(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	b := lab.BackoutOutcome{Status: lab.TakenOut}
	for _, action := range actions {
		p := j.msiProgram(action, nil)
		e, err := j.installWindows(ctx, p)
		if err != nil {
			return lab.BackoutOutcome{}, err
		}
		if b = j.endBackout(p, e); b.Status != lab.TakenOut {
			return b, nil
		}
	}
	after, err := j.products(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	b.Packages = after.changes(before)
	if why := left(after); why != "" {
		b.Status, b.Message = lab.BackoutFailed, "msiexec reports success, but "+why
	}
	return b, nil
}
