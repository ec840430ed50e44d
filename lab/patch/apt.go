package patch

import (
	"context"
	"fmt"

	"github.com/patchlab/patchlab/lab"
)

// applyApt installs what the patch's bundle holds for this machine: the
// packages that it names, and those that they need beyond what is there.
func applyApt(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	b, err := j.bundle()
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	name := j.guest.Machine().Name
	m, ok := b.Machines[name]
	if !ok {
		return lab.PatchOutcome{}, &lab.HostError{
			Op:  fmt.Sprintf("apply patch %q on machine %q", j.patch.Name, name),
			Err: fmt.Errorf("its bundle %s was not made for this machine", b.Dir), Hint: bundleCommand(j.patch),
		}
	}
	const there = "every package is there already in its newest version"
	if len(m.Install) == 0 {
		return j.confirmNames(ctx, there)
	}
	// What is for this machine was found out when the bundle was made.
	return j.applyPackages(ctx, b.Paths(m.Install), false, there)
}

// confirmNames makes the outcome of a machine that has nothing to install: it
// has the packages that the patch names, or none of them and the patch is only
// for machines that have one.
func (j *job) confirmNames(ctx context.Context, there string) (lab.PatchOutcome, error) {
	st, err := j.state(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	var want []deb
	var missing []string
	for _, spec := range j.patch.Packages {
		if d, ok := installedSpec(spec, st); ok {
			want = append(want, d)
		} else {
			missing = append(missing, spec)
		}
	}
	switch {
	case len(want) == 0:
		return lab.PatchOutcome{Status: lab.NotApplicable, Message: "none of its packages is installed"}, nil
	case len(missing) > 0 && !j.patch.InstalledOnly:
		return lab.PatchOutcome{}, &lab.HostError{
			Op:  fmt.Sprintf("apply patch %q on machine %q", j.patch.Name, j.guest.Machine().Name),
			Err: fmt.Errorf("its bundle has nothing for this machine, which has no %s: it is not as it was when the bundle was made", few(missing)), Hint: bundleCommand(j.patch),
		}
	}
	return lab.PatchOutcome{Status: lab.AlreadyInstalled, Message: there, Undo: &debUndo{want: want, audit: st.audit}}, nil
}

// bundle is the patch's bundle, all of its hashes verified. That there is
// none is this host's fault: it says nothing about the patch.
func (j *job) bundle() (*Bundle, error) {
	b, err := LoadBundle(j.patch.Bundle)
	if err != nil {
		return nil, &lab.HostError{Op: fmt.Sprintf("apply patch %q", j.patch.Name), Err: err, Hint: bundleCommand(j.patch)}
	}
	return b, nil
}
