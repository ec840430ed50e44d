package site

import (
	"cmp"
	"slices"
	"strings"
)

// patchBody is what a patch's page shows.
type patchBody struct {
	Patch     *patchRuns
	Part      part
	Files     []fileRow
	MoreFiles int
	Twins     []twin
	MoreTwins int
	Last      []lastRun // the newest run on each lab
}

// fileRow is a file of a patch.
type fileRow struct {
	Name, SHA, Size, Package string
	Beside                   bool
}

func (p *patchRuns) body(part part) patchBody {
	b := patchBody{Patch: p, Part: part}
	for _, f := range p.Files[:min(len(p.Files), mostFiles)] {
		b.Files = append(b.Files, fileRow{
			Name: f.Name, SHA: f.SHA256, Size: size(f.Size), Beside: f.Beside,
			Package: strings.TrimSpace(f.Package + " " + f.Version + " " + f.Arch),
		})
	}
	b.MoreFiles = len(p.Files) - len(b.Files)
	b.Twins = p.Twins[:min(len(p.Twins), mostTwins)]
	b.MoreTwins = len(p.Twins) - len(b.Twins)
	seen := map[*labRuns]bool{}
	for _, r := range p.Runs {
		if !seen[r.Lab] {
			seen[r.Lab] = true
			b.Last = append(b.Last, lastRun{run: r, Decision: r.Lab.decision(p)})
		}
	}
	slices.SortStableFunc(b.Last, func(x, y lastRun) int {
		return cmp.Or(cmp.Compare(x.Lab.Client.Name, y.Lab.Client.Name), cmp.Compare(x.Lab.Name, y.Lab.Name))
	})
	return b
}

// Counts are the patch's runs by verdict.
func (p *patchRuns) Counts() counts { return countOf(p.Runs) }

// Labs is on how many labs the patch was tested.
func (p *patchRuns) Labs() int {
	seen := map[*labRuns]bool{}
	for _, r := range p.Runs {
		seen[r.Lab] = true
	}
	return len(seen)
}

// Note says what is to be known of the bytes beside others of the name.
func (p *patchRuns) Note() string {
	newer, older := false, false
	for _, t := range p.Twins {
		newer, older = newer || t.Newer, older || !t.Newer
	}
	switch {
	case newer && older:
		return "other bytes under the same name before it and since"
	case older:
		return "other bytes than before, under the same name"
	case newer:
		return "came with other bytes since, under the same name"
	}
	return ""
}

// Standing are the newest decisions on the patch, one for each lab.
func (p *patchRuns) Standing() []*decision {
	var out []*decision
	seen := map[*labRuns]bool{}
	for _, d := range p.Decisions {
		if !seen[d.Lab] {
			seen[d.Lab] = true
			out = append(out, d)
		}
	}
	return out
}

// patchesBody is the list of all patches.
type patchesBody struct {
	Names    []*named
	Released int // how many bytes there are in all
	Again    []*named
}

// named is a patch's name with the bytes that came under it, newest first.
type named struct {
	Name    string
	Bytes   []*patchRuns
	Again   bool // a file of it came with other bytes under the same name
	Counts  counts
	Anchor  string
	NewRuns *run // the newest run; nil: only decisions
}

// byName is the list of patches, by name.
func (h *history) byName() patchesBody {
	b := patchesBody{Released: len(h.patches)}
	at := map[string]*named{}
	for _, p := range h.byFirst() {
		for _, name := range p.Names {
			n := at[name]
			if n == nil {
				n = &named{Name: name, Anchor: "name-" + slug(name)}
				at[name] = n
				b.Names = append(b.Names, n)
			}
			n.Bytes = append(n.Bytes, p)
			n.Again = n.Again || len(p.Twins) > 0
			n.Counts.join(p.Counts())
			if len(p.Runs) > 0 && (n.NewRuns == nil || p.Runs[0].When.After(n.NewRuns.When)) {
				n.NewRuns = p.Runs[0]
			}
		}
	}
	slices.SortFunc(b.Names, func(x, y *named) int {
		return cmp.Or(cmp.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)), cmp.Compare(x.Name, y.Name))
	})
	for _, n := range b.Names {
		if n.Again {
			b.Again = append(b.Again, n)
		}
	}
	return b
}
