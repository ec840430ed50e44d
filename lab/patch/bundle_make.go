package patch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// MakeBundleRequest says what MakeBundle is to fetch.
type MakeBundleRequest struct {
	Lab      string      // name of the lab
	Patch    *lab.Patch  // of PatchApt, or of PatchDeb: then what its files need, and the way back
	Guests   []lab.Guest // the patch's targets, connected, as they are before the patch
	Dir      string      // folder of the bundle; see Bundle.Save
	Progress lab.Progress
	// Sources is a folder with sources.list and sources.list.d; empty: this
	// host's own.
	Sources string
}

// MakeBundle fetches what a patch of .deb packages needs on its targets, and
// what they need to get back: it asks each machine what is installed, and lets
// this host's apt, in a private folder and with the pockets of the machine's
// release alone, find out what would be installed. The machines and the host
// are left as they are. Recommended packages are left aside, as when the patch
// is applied.
//
// Previous versions that the mirrors do not have any more are in the bundle as
// missing. Errors: *lab.UsageError for what the patch names wrongly and when
// there is nothing to do; *lab.HostError for this host's apt and mirrors;
// *lab.GuestError; ctx's. On error nothing is left.
func MakeBundle(ctx context.Context, r MakeBundleRequest) (*Bundle, error) {
	if r.Patch.Kind != lab.PatchApt && r.Patch.Kind != lab.PatchDeb {
		return nil, &lab.UsageError{Err: fmt.Errorf("patch %q is of kind %q: bundles are made for the kinds %q and %q", r.Patch.Name, r.Patch.Kind, lab.PatchApt, lab.PatchDeb)}
	}
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return nil, err
	}
	if err := replaceable(dir); err != nil {
		return nil, err
	}
	r.Progress = lab.Quiet(r.Progress)
	m := &maker{MakeBundleRequest: r, files: map[string]BundleFile{}, bundle: &Bundle{
		Version: bundleVersion, Lab: r.Lab, Patch: r.Patch.Name, Created: time.Now().UTC().Truncate(time.Second),
		Manager: bundleManagers[r.Patch.Kind], Packages: r.Patch.Packages, Machines: map[string]BundleMachine{},
	}}
	if err := m.folders(dir); err != nil {
		return nil, &lab.HostError{Op: "make a folder for the bundle", Err: err}
	}
	defer m.remove()
	if err := m.make(ctx, dir); err != nil {
		return nil, err
	}
	return m.bundle, nil
}

// maker makes one bundle.
type maker struct {
	MakeBundleRequest
	bundle *Bundle
	files  map[string]BundleFile // by name of the file
	store  string                // folder that becomes the bundle
	work   string                // folder of apt's
}

// folders makes the two folders; store is beside dir, so that it can be
// renamed to it.
func (m *maker) folders(dir string) error {
	err := os.MkdirAll(filepath.Dir(dir), 0o750)
	if err == nil {
		m.store, err = os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-")
	}
	if err == nil {
		m.work, err = os.MkdirTemp("", "patchlab-apt-")
	}
	if err != nil {
		m.remove()
	}
	return err
}

func (m *maker) remove() {
	for _, dir := range []string{m.store, m.work} {
		if dir != "" {
			_ = os.RemoveAll(dir)
		}
	}
}

func (m *maker) make(ctx context.Context, dir string) error {
	facts := make([]facts, len(m.Guests))
	for i, g := range m.Guests {
		m.Progress.Step("asking " + g.Machine().Name + " what is installed")
		var err error
		if facts[i], err = askFacts(ctx, g); err != nil {
			return err
		}
	}
	for i, f := range facts {
		a, err := m.hostApt(ctx, i, f, allArchs(facts))
		if err != nil {
			return err
		}
		if err := m.resolve(ctx, a, f); err != nil {
			return err
		}
	}
	work := 0
	for _, b := range m.bundle.Machines {
		work += len(b.Install) + len(b.Previous) + len(b.Missing)
	}
	if work == 0 {
		reason := "its packages are there already in their newest version"
		if m.Patch.Kind == lab.PatchDeb {
			reason = "its files need no other packages, and replace none"
		}
		return &lab.UsageError{Err: fmt.Errorf("there is nothing to fetch for patch %q: %s", m.Patch.Name, reason)}
	}
	for _, f := range m.files {
		m.bundle.Files = append(m.bundle.Files, f)
	}
	if err := errors.Join(ctx.Err(), m.bundle.sound()); err != nil {
		return err
	}
	return m.bundle.Save(m.store, dir)
}

// resolve adds one machine to the bundle.
func (m *maker) resolve(ctx context.Context, a *hostApt, f facts) error {
	m.Progress.Step("resolving the packages for " + f.machine)
	s, err := m.solve(ctx, a, f)
	if err != nil {
		return err
	}
	var out BundleMachine
	for _, d := range s.install {
		name, err := m.fetch(ctx, a, d)
		if err != nil {
			return err
		}
		if name == "" {
			return &lab.HostError{Op: "fetch " + d.name + " " + d.version, Err: errors.New("no mirror of this host's apt sources has it any more"), Hint: "apt-get update"}
		}
		out.Install = append(out.Install, name)
	}
	for _, d := range s.previous {
		name, err := m.fetch(ctx, a, d)
		switch {
		case err != nil:
			return err
		case name != "":
			out.Previous = append(out.Previous, name)
		case !d.optional:
			out.Missing = append(out.Missing, d.name+" "+d.version)
		}
	}
	m.bundle.Machines[f.machine] = out
	return nil
}
