package patch

import (
	"context"
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// debUndo is what confirming and taking out need to know of an outcome.
type debUndo struct {
	want    []deb             // the packages that are to be in
	audit   string            // of dpkg, before
	rebuilt map[string]string // by id: content before of those that were there in the same version
}

// confirmDebs looks whether each package is there in its version.
func confirmDebs(ctx context.Context, j *job, o lab.PatchOutcome) (in bool, message string, err error) {
	want, audit := wanted(o)
	if len(want) == 0 {
		return false, "it is not known which packages the patch installed", nil
	}
	st, err := j.state(ctx)
	if err != nil {
		return false, "", err
	}
	names := make([]string, len(want))
	for i, d := range want {
		if why := d.notIn(st); why != "" {
			return false, why, nil
		}
		names[i] = d.name + " " + d.version
	}
	if why := newFaults(audit, st); why != "" {
		return false, why, nil
	}
	return true, few(names) + " installed", nil
}

// wanted are the packages that an outcome says are in, and dpkg's audit from
// before.
func wanted(o lab.PatchOutcome) (want []deb, audit string) {
	if u, ok := o.Undo.(*debUndo); ok && u != nil {
		return u.want, u.audit
	}
	for _, c := range o.Packages {
		if c.To != "" {
			name, arch, _ := strings.Cut(c.Name, ":")
			want = append(want, deb{name: name, arch: arch, version: c.To})
		}
	}
	return want, ""
}

// few joins names, and counts those that are too many to tell.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// confirmApt is confirmDebs: what was installed is what the bundle says.
func confirmApt(ctx context.Context, j *job, o lab.PatchOutcome) (in bool, message string, err error) {
	return confirmDebs(ctx, j, o)
}
