package patch

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// rpmFile is one package file of a patch, as the machine's rpm reads it.
type rpmFile struct {
	file     string // base name on the host
	staged   string // path on the machine
	name     string
	arch     string
	version  string
	provides []string
	requires []string
}

// id is how the machine lists the package.
func (p rpmFile) id() string { return p.name + "." + p.arch }

// beside reports whether several versions of the package may be installed at
// once, as of kernels: a new one leaves the old one alone.
func (p rpmFile) beside() bool {
	return slices.ContainsFunc(p.provides, func(s string) bool {
		return strings.HasPrefix(s, "installonlypkg(") || strings.HasPrefix(s, "multiversion(")
	}) || slices.Contains([]string{"kernel", "kernel-core", "kernel-modules", "kernel-modules-core", "kernel-devel"}, p.name)
}

// fits reports whether a machine of architecture arch takes the package.
func (p rpmFile) fits(arch string) bool {
	return p.arch == "noarch" || p.arch == arch || slices.Contains(takenToo(arch), p.arch)
}

// takenToo are the architectures whose packages a machine takes beyond its
// own.
func takenToo(arch string) []string {
	small := []string{"i686", "i586", "i486", "i386"}
	switch arch {
	case "x86_64":
		return append(small, "amd64", "x86_64_v2", "x86_64_v3", "x86_64_v4")
	case "i686", "i586":
		return small
	case "armv7l":
		return []string{"armv7hl", "armhfp", "armv6hl"}
	}
	return nil
}

// installedAs is the newest version of the package on the machine, also where
// it changes between a certain architecture and "noarch"; empty when it is
// not there.
func (p rpmFile) installedAs(st rpmState) string {
	for _, id := range []string{p.id(), p.name + "." + st.arch, p.name + ".noarch"} {
		if v := st.newest(id); v != "" {
			return v
		}
	}
	return ""
}

const rpmFileQuery = `%{NAME}\t%{ARCH}\t` + rpmVersion + `\t[%{PROVIDENAME} ]\t[%{REQUIRENAME} ]\n`

// stageRPMs uploads files and lets the machine's own rpm read them. An
// outcome means that one of them is no package.
func (j *job) stageRPMs(ctx context.Context, files []string) (list []rpmFile, refused *lab.PatchOutcome, err error) {
	if err := j.makeStage(ctx); err != nil {
		return nil, nil, err
	}
	args := []string{"rpm", "-qp", "--nosignature", "--qf", rpmFileQuery, "--"}
	for i, src := range files {
		staged, err := j.upload(ctx, src, stagedRPM(i, src), false)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, rpmFile{file: filepath.Base(src), staged: staged})
		args = append(args, staged)
	}
	j.progress.Step("reading the packages")
	var stdout capture
	stdout.limit = 32 << 20
	out, err := j.guest.Run(ctx, lab.Command{Shell: guest.Quote(args...), Stdout: &stdout, Env: map[string]string{"LC_ALL": "C"}, Timeout: askLimit})
	if err != nil {
		return nil, nil, err
	}
	if out.ExitCode != 0 || stdout.cut {
		o := failed(out.ExitCode, "the patch holds a file that the machine's rpm cannot read: %s", rpmCause("rpm", string(out.Stderr)))
		return nil, &o, nil
	}
	if err := readRPMFiles(list, stdout.text()); err != nil {
		return nil, nil, &lab.GuestError{Machine: j.guest.Machine().Name, Op: "prepare the patch on", Err: err}
	}
	return list, nil, nil
}

// stagedRPM is a file name that every tool takes for a package's.
func stagedRPM(i int, src string) string {
	base := strings.TrimSuffix(filepath.Base(src), ".rpm")
	return fmt.Sprintf("%03d_%s.rpm", i+1, unsafeName.ReplaceAllString(base, "_"))
}

// readRPMFiles takes in what rpm printed of each file, in their order.
func readRPMFiles(list []rpmFile, text string) error {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) != len(list) {
		return fmt.Errorf("rpm reads %d packages in %d files", len(lines), len(list))
	}
	for i := range list {
		f := strings.Split(lines[i], "\t")
		if len(f) != 5 || f[0] == "" || f[1] == "" || f[2] == "" {
			return errors.New("rpm describes a package file in an unexpected way: " + lab.Printable(lines[i], 100))
		}
		p := &list[i]
		p.name, p.arch, p.version = f[0], f[1], plainVersion(f[2])
		p.provides, p.requires = strings.Fields(f[3]), strings.Fields(f[4])
	}
	return nil
}

// chooseRPMs picks the packages that are installed, or says why none is.
//
// Those for other architectures are left out. With installedOnly, so are
// those that the machine does not have in some version, unless a chosen one
// requires them. One that is older than the machine's is refused.
func chooseRPMs(files []rpmFile, st rpmState, installedOnly bool) ([]rpmFile, *lab.PatchOutcome) {
	chosen := slices.DeleteFunc(slices.Clone(files), func(p rpmFile) bool { return !p.fits(st.arch) })
	if len(chosen) == 0 {
		return nil, &lab.PatchOutcome{Status: lab.NotApplicable, Message: fmt.Sprintf("its packages are for %s, the machine is %s", rpmArchs(files), st.arch)}
	}
	if installedOnly {
		chosen = withRequired(chosen, func(p rpmFile) bool { return p.installedAs(st) != "" })
		if len(chosen) == 0 {
			return nil, &lab.PatchOutcome{Status: lab.NotApplicable, Message: "none of its packages is installed"}
		}
	}
	seen, missing := map[string]string{}, false
	for _, p := range chosen {
		if other, twice := seen[p.id()]; twice && (other == p.version || !p.beside()) {
			o := failed(0, "the patch has package %s in more than one file", p.id())
			return nil, &o
		}
		seen[p.id()] = p.version
		missing = missing || !st.has(p.id(), p.version)
		if there := p.installedAs(st); there != "" && !p.beside() && compareRPM(p.version, there) < 0 {
			o := failed(0, "the machine has %s in the newer version %s, the patch brings %s", p.id(), there, p.version)
			return nil, &o
		}
	}
	if !missing {
		return chosen, &lab.PatchOutcome{Status: lab.AlreadyInstalled, Message: "every package is there in exactly this version"}
	}
	return chosen, nil
}

// withRequired are the packages that are wanted, and those of the list that
// these require, in the list's order.
func withRequired(list []rpmFile, wanted func(rpmFile) bool) []rpmFile {
	want := map[string]bool{}
	for _, p := range list {
		want[p.staged] = wanted(p)
	}
	for grown := true; grown; {
		grown = false
		for _, p := range list {
			for _, q := range list {
				if want[p.staged] && !want[q.staged] && p.requiresOf(q) {
					want[q.staged], grown = true, true
				}
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(p rpmFile) bool { return !want[p.staged] })
}

func (p rpmFile) requiresOf(q rpmFile) bool {
	return slices.ContainsFunc(p.requires, func(r string) bool { return r == q.name || slices.Contains(q.provides, r) })
}

func rpmArchs(files []rpmFile) string {
	var list []string
	for _, p := range files {
		list = append(list, p.arch)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}
