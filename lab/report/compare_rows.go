package report

import (
	"maps"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// patchRows compare the patches: name and bytes, and file by file.
func patchRows(a, b lab.PatchRecord) [][]string {
	rows := pairs("name", a.Name, b.Name, "kind", string(a.Kind), string(b.Kind), "bytes", a.SHA256, b.SHA256)
	files := func(p lab.PatchRecord) map[string]lab.FileRecord {
		out := map[string]lab.FileRecord{}
		for _, f := range p.Files {
			out[f.Name] = f
		}
		return out
	}
	was, is := files(a), files(b)
	for _, name := range names(was, is) {
		f, inA := was[name]
		g, inB := is[name]
		switch {
		case !inA:
			rows = append(rows, []string{name, "only B: " + short(fileLine(g))})
		case !inB:
			rows = append(rows, []string{name, "only A: " + short(fileLine(f))})
		default:
			rows = append(rows, pairs(name, fileLine(f), fileLine(g))...)
		}
	}
	return rows
}

func fileLine(f lab.FileRecord) string {
	return strings.TrimSpace(f.SHA256 + " " + f.Version)
}

// definitionRows say what of the lab is other. A record that is older than the
// field knows nothing of it.
func definitionRows(a, b lab.Fingerprint) [][]string {
	switch {
	case a.SHA256 == "":
		return [][]string{{"not known: A does not say what it was made on"}}
	case b.SHA256 == "":
		return [][]string{{"not known: B does not say what it was made on"}}
	}
	var rows [][]string
	for _, line := range a.Changed(b) {
		rows = append(rows, []string{line})
	}
	return rows
}

// machineRows compare what became of the patch on each machine.
func machineRows(a, b *lab.Record) [][]string {
	machines := func(r *lab.Record) map[string]lab.MachineRecord {
		out := map[string]lab.MachineRecord{}
		for _, m := range r.Machines {
			out[m.Name] = m
		}
		return out
	}
	was, is := machines(a), machines(b)
	var rows [][]string
	for _, name := range names(was, is) {
		m, inA := was[name]
		n, inB := is[name]
		switch {
		case !inA:
			rows = append(rows, []string{name, "only B"})
		case !inB:
			rows = append(rows, []string{name, "only A"})
		default:
			rows = append(rows, pairs(name, status(m), status(n))...)
			if m.System != "" && n.System != "" {
				rows = append(rows, pairs(name, m.System, n.System)...)
			}
		}
	}
	return rows
}

func status(m lab.MachineRecord) string {
	switch {
	case !m.Target:
		return "untouched"
	case m.Outcome == nil:
		return "not tried"
	}
	return string(m.Outcome.Status)
}

// names lists the keys of both, sorted.
func names[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

func changeRows(a, b []lab.StateChange) [][]string {
	was, is := changeLines(a), changeLines(b)
	rows := lone(slices.Sorted(maps.Keys(was)), slices.Sorted(maps.Keys(is)))
	for _, line := range slices.Sorted(maps.Keys(was)) {
		if to, there := is[line]; there && to != was[line] { // hashes are not on the line
			rows = append(rows, []string{"other contents", line})
		}
	}
	return rows
}

// changeLines are the changes as lines, each with what it changed to.
func changeLines(changes []lab.StateChange) map[string]string {
	out := map[string]string{}
	for _, c := range changes {
		out[c.Machine+": "+c.String()] = c.To
	}
	return out
}

func findingLines(r *lab.Record) []string {
	out := make([]string, len(r.Findings))
	for i, f := range r.Findings {
		out[i] = atFault(f) + ": " + f.Summary
	}
	return out
}

func egressLines(r *lab.Record) []string {
	out := make([]string, len(r.Egress))
	for i, a := range r.Egress {
		out[i] = sender(a) + " " + a.Protocol + " " + a.To
	}
	return out
}

func backoutRows(a, b *lab.Record) [][]string {
	result := func(r *lab.Record) (string, string) {
		if r.Backout == nil {
			return "not asked for", ""
		}
		return string(r.Backout.Result), r.Backout.Reason
	}
	was, why := result(a)
	is, whyNow := result(b)
	rows := pairs("result", was, is)
	if len(rows) > 0 && why != "" && whyNow != "" {
		rows = append(rows, pairs("reason", why, whyNow)...)
	}
	return rows
}
