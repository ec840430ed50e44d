package hcl

import (
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// checkTargets reports machines that a patch cannot be for, or not together.
func (r *reader) checkTargets(p *lab.Patch) {
	for _, m := range p.Targets {
		if m.Image == nil {
			continue
		}
		want := systemOf(p.Kind)
		if want != "" && m.Image.OS != want {
			r.fail(r.rangeOf("targets"), "Wrong system", "%s is of the kind %q, which is for %s: machine %q runs %s.",
				upperFirst(r.what), p.Kind, osName(want), m.Name, osName(m.Image.OS))
			continue
		}
		if m.Image.Build != nil && m.Image.Build.Distro == "debian" && slices.Contains(rpmKinds(), p.Kind) {
			r.fail(r.rangeOf("targets"), "Wrong system", "%s is of the kind %q, and machine %q is a Debian system, whose packages are .deb files.", upperFirst(r.what), p.Kind, m.Name)
		}
	}
	r.checkWaves(p)
}

// systemOf is the system that a kind of patch is for; empty for either.
func systemOf(k lab.PatchKind) lab.OS {
	switch k {
	case lab.PatchDeb, lab.PatchApt, lab.PatchRPM, lab.PatchDNF, lab.PatchZypper:
		return lab.Linux
	case lab.PatchMSU, lab.PatchCAB, lab.PatchMSP, lab.PatchMSI, lab.PatchEXE:
		return lab.Windows
	}
	return ""
}

func rpmKinds() []lab.PatchKind {
	return []lab.PatchKind{lab.PatchRPM, lab.PatchDNF, lab.PatchZypper}
}

// checkWaves reports a patch with targets of which some have a wave: between
// those and the others there is no order.
func (r *reader) checkWaves(p *lab.Patch) {
	var with, without []string
	for _, m := range p.Targets {
		if m.Wave > 0 {
			with = append(with, m.Name)
		} else {
			without = append(without, m.Name)
		}
	}
	if with != nil && without != nil {
		r.fail(r.rangeOf("targets"), "Target without a wave", "Of the targets of %s, %s %s \"wave\" and %s %s not: give all of them one, or none.",
			r.what, listed(with, "and"), have(with), listed(without, "and"), have(without))
	}
}

func have(names []string) string {
	if len(names) == 1 {
		return "has"
	}
	return "have"
}
