package patch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// wantedDeb is a package to be fetched.
type wantedDeb struct {
	name, arch, version string
	optional            bool // that no mirror has it any more is not worth telling
}

// solution is what a patch takes on one machine.
type solution struct {
	install, previous []wantedDeb
}

// solve lets apt find out what the patch takes on a machine, and what the
// machine has to get back.
func (m *maker) solve(ctx context.Context, a *hostApt, f facts) (solution, error) {
	if m.Patch.Kind == lab.PatchApt {
		if err := m.checkNames(ctx, a, f); err != nil {
			return solution{}, err
		}
		specs := m.specsFor(f)
		if len(specs) == 0 {
			return solution{}, nil
		}
		return m.simulate(ctx, a, f, specs, nil)
	}
	own, err := m.ownDebs(f)
	if err != nil || len(own) == 0 {
		return solution{}, err
	}
	var paths []string
	for i, d := range own {
		// apt takes only files whose name ends in .deb.
		link := filepath.Join(a.dir, stagedName(i, d.file))
		if err := os.Symlink(d.file, link); err != nil {
			return solution{}, &lab.HostError{Op: "prepare a folder for apt", Err: err}
		}
		paths = append(paths, link)
	}
	return m.simulate(ctx, a, f, paths, own)
}

// specsFor are the packages that the patch names for a machine: with
// InstalledOnly, those that it has in some version.
func (m *maker) specsFor(f facts) []string {
	if !m.Patch.InstalledOnly {
		return m.Patch.Packages
	}
	return slices.DeleteFunc(slices.Clone(m.Patch.Packages), func(spec string) bool {
		name, _, _ := strings.Cut(spec, "=")
		_, there := installedSpec(name, f.state)
		return !there
	})
}

// ownDebs are the patch's files that are chosen for a machine.
func (m *maker) ownDebs(f facts) ([]deb, error) {
	var debs []deb
	for _, path := range m.Patch.Files {
		info, err := ReadDebInfo(path)
		if err != nil {
			return nil, &lab.UsageError{Err: err}
		}
		debs = append(debs, deb{
			file: path, name: info.Name, version: info.Version, arch: info.Arch, depends: strings.Join(info.Depends, ","),
			native: f.archs[0], fits: info.Arch == "all" || slices.Contains(f.archs, info.Arch),
		})
	}
	if len(debs) == 0 {
		return nil, &lab.UsageError{Err: fmt.Errorf("patch %q has no files", m.Patch.Name)}
	}
	chosen, outcome := choose(debs, f.state, m.Patch.InstalledOnly)
	if outcome != nil && outcome.Status == lab.PatchFailed {
		return nil, &lab.UsageError{Err: errors.New(outcome.Message)}
	}
	return chosen, nil
}

// simulate runs the installation without effect. Own are the packages whose
// files the patch has itself.
func (m *maker) simulate(ctx context.Context, a *hostApt, f facts, what []string, own []deb) (s solution, err error) {
	args := append([]string{"-s", "-y", "-q", "--no-install-recommends", "-o", "Debug::NoLocking=true", "install", "--"}, what...)
	text, all, err := a.run(ctx, "", "apt-get", args...)
	if err != nil {
		if _, refused := errors.AsType[*exec.ExitError](err); refused {
			return s, &lab.UsageError{Err: fmt.Errorf("cannot resolve the packages of patch %q for machine %q: %w", m.Patch.Name, f.machine, why(err, all))}
		}
		return s, err
	}
	for _, d := range own {
		if p := f.state.packages[d.id()]; p.present() && p.version == d.version {
			s.previous = append(s.previous, wantedDeb{name: d.name, arch: d.arch, version: d.version, optional: true})
		}
	}
	for _, st := range parseSteps(text) {
		if st.old != "" && st.old != st.version {
			s.previous = append(s.previous, wantedDeb{name: st.name, arch: f.installedAs(st.name, st.old, st.arch), version: st.old})
		}
		is := func(d deb) bool { return d.name == st.name && d.version == st.version }
		if st.version != "" && !slices.ContainsFunc(own, is) {
			s.install = append(s.install, wantedDeb{name: st.name, arch: st.arch, version: st.version})
		}
	}
	return s, nil
}

// step is one step of a simulated installation.
type step struct {
	name, arch   string
	old, version string // empty: newly installed, or removed
}

var (
	instLine = regexp.MustCompile(`^Inst ([^ :]+)(?::[^ ]+)? (?:\[([^\]]+)\] )?\(([^ ]+) .*\[([a-z0-9-]+)\]\)`)
	remvLine = regexp.MustCompile(`^Remv ([^ :]+)(?::([^ ]+))? \[([^\]]+)\]`)
)

// parseSteps reads what apt-get -s prints: "Inst NAME [OLD] (NEW ORIGIN
// [ARCH])" and "Remv NAME [OLD]".
func parseSteps(text string) (steps []step) {
	for line := range strings.Lines(text) {
		if p := instLine.FindStringSubmatch(line); p != nil {
			steps = append(steps, step{name: p[1], old: p[2], version: p[3], arch: p[4]})
		} else if p := remvLine.FindStringSubmatch(line); p != nil {
			steps = append(steps, step{name: p[1], arch: p[2], old: p[3]})
		}
	}
	return steps
}

// checkNames looks whether there are the packages and versions that the patch
// names.
func (m *maker) checkNames(ctx context.Context, a *hostApt, f facts) error {
	if len(m.Patch.Packages) == 0 {
		return &lab.UsageError{Err: fmt.Errorf("patch %q names no packages", m.Patch.Name)}
	}
	for _, spec := range m.Patch.Packages {
		name, _, version, err := splitSpec(spec)
		if err != nil {
			return err
		}
		text, _, err := a.run(ctx, "", "apt-cache", "madison", name)
		if err != nil {
			return &lab.HostError{Op: "look up package " + name, Err: err}
		}
		have := madisonVersions(text, name)
		switch {
		case len(have) == 0:
			return &lab.UsageError{Err: fmt.Errorf("this host's apt sources have no package %q for machine %q, which runs %s", name, f.machine, f.release)}
		case version != "" && !slices.Contains(have, version):
			return &lab.UsageError{
				Err:  fmt.Errorf("this host's apt sources have no version %q of package %q for machine %q", version, name, f.machine),
				Hint: fmt.Sprintf("name one of the versions that there are: %s", strings.Join(have, ", ")),
			}
		}
	}
	return nil
}

// madisonVersions are the versions in the lines "NAME | VERSION | SOURCE".
func madisonVersions(text, name string) (versions []string) {
	for line := range strings.Lines(text) {
		f := strings.Split(line, "|")
		if len(f) == 3 && strings.TrimSpace(f[0]) == name && !strings.HasSuffix(strings.TrimSpace(f[2]), " Sources") {
			versions = append(versions, strings.TrimSpace(f[1]))
		}
	}
	return once(versions)
}
