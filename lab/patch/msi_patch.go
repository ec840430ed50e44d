package patch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// patchUndo is what confirming a patch of the Windows Installer and taking it
// out need, for each product that it is for.
type patchUndo struct {
	patch, product string // codes
	name           string // of the product
	applied        bool   // it came with this patch, and was not there before
}

// applyMSP applies the files one after the other, each to all products of the
// machine that it is for.
func applyMSP(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	var undos []patchUndo
	o, err := j.eachProduct(ctx, func(file string, before products) (lab.PatchOutcome, error) {
		code, targets, err := j.aboutPatch(ctx, file)
		if err != nil {
			return lab.PatchOutcome{}, err
		}
		if code == "" {
			return failed(-1, "%s is no patch that the Windows Installer can read", file), nil
		}
		missing := targetsOf(code, targets, before)
		if missing == nil {
			return lab.PatchOutcome{Status: lab.NotApplicable, Message: "none of the products that it is for is installed"}, nil
		}
		undos = append(undos, missing...)
		if !slices.ContainsFunc(missing, func(u patchUndo) bool { return u.applied }) {
			return lab.PatchOutcome{Status: lab.AlreadyInstalled, Message: "the patch is applied already to " + productNames(missing)}, nil
		}
		o, after, err := j.msiexec(ctx, "/p \""+file+"\"", j.patch.Args)
		if err != nil || o.Status != lab.Applied {
			return o, err
		}
		if why := notApplied(missing, after); why != "" {
			return failed(o.ExitCode, "%s, but %s", o.Message, why), nil
		}
		o.Message = "patched " + productNames(missing)
		return o, nil
	})
	o.Undo = undos
	return o, err
}

// aboutPatch reads the code of an .msp and those of the products it is for.
// The code is followed by those of the patches that it replaces.
func (j *job) aboutPatch(ctx context.Context, file string) (code string, targets []string, err error) {
	err = j.about(ctx, file, func(field func(int) string) {
		if codes := codesIn(field(1)); len(codes) > 0 {
			code, targets = codes[0], codesIn(field(2))
		}
	})
	return code, targets, err
}

// targetsOf are those of the products that are installed; nil: none is.
func targetsOf(code string, targets []string, before products) (undos []patchUndo) {
	for _, product := range targets {
		p, there := before.installed[product]
		if !there {
			continue
		}
		had := before.patches[[2]string{product, code}].applied
		undos = append(undos, patchUndo{patch: code, product: product, name: p.label(product), applied: !had})
	}
	return undos
}

func productNames(undos []patchUndo) string {
	names := make([]string, len(undos))
	for i, u := range undos {
		names[i] = u.name
	}
	return strings.Join(names, ", ")
}

// notApplied names a product that does not have its patch; empty: all have.
func notApplied(undos []patchUndo, now products) string {
	for _, u := range undos {
		if !now.patches[[2]string{u.product, u.patch}].applied {
			return fmt.Sprintf("%s does not have patch %s", u.name, u.patch)
		}
	}
	return ""
}

func confirmMSP(ctx context.Context, j *job, o lab.PatchOutcome) (in bool, message string, err error) {
	undos, _ := o.Undo.([]patchUndo)
	now, err := j.products(ctx)
	if err != nil {
		return false, "", err
	}
	if why := notApplied(undos, now); why != "" {
		return false, why, nil
	}
	return len(undos) > 0, "patched: " + orNone(productNames(undos)), nil
}

// backoutMSP uninstalls the patch from each product that got it.
func backoutMSP(ctx context.Context, j *job, o lab.PatchOutcome) (lab.BackoutOutcome, error) {
	undos, _ := o.Undo.([]patchUndo)
	now, err := j.products(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	var actions []string
	for _, u := range slices.Backward(undos) {
		if !u.applied {
			continue
		}
		if p := now.patches[[2]string{u.product, u.patch}]; p.applied && !p.removable {
			return lab.BackoutOutcome{Status: lab.CannotTakeOut, Message: "the patch says of itself that it cannot be removed from " + u.name}, nil
		}
		actions = append(actions, "/package "+u.product+" /uninstall "+u.patch)
	}
	return j.backoutProducts(ctx, actions, func(now products) string {
		for _, u := range undos {
			if u.applied && now.patches[[2]string{u.product, u.patch}].applied {
				return u.name + " still has the patch"
			}
		}
		return ""
	})
}
