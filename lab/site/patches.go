package site

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

// patchRuns is a patch, which is its bytes, with its runs on all labs.
type patchRuns struct {
	Name      string // the newest, where it came under several
	Names     []string
	SHA       string // printable
	Page      string
	Kind      string
	Files     []lab.FileRecord // printable
	Runs      []*run
	Decisions []*decision
	Twins     []twin
	First     time.Time // when it was first seen
	record    *lab.PatchRecord
	key       string // the SHA-256 as the ledger has it
}

// shortSHA is how many digits of a hash name a patch's page.
const shortSHA = 12

// Short is the beginning of the hash.
func (p *patchRuns) Short() string { return p.SHA[:min(len(p.SHA), shortSHA)] }

func patchName(e *ledger.Entry) string {
	if e.Patch == nil || e.Patch.Name == "" {
		return "(unnamed)"
	}
	return word(e.Patch.Name)
}

func (a *arranger) patch(e *ledger.Entry) *patchRuns {
	record := e.Patch
	if record == nil {
		record = &lab.PatchRecord{}
	}
	name := patchName(e)
	p := a.byBytes[record.SHA256]
	if p == nil {
		p = &patchRuns{Name: name, SHA: word(record.SHA256), Kind: word(string(record.Kind)), record: record, key: record.SHA256}
		for _, f := range record.Files {
			f.Name, f.SHA256 = word(f.Name), word(f.SHA256)
			f.Package, f.Version, f.Arch = word(f.Package), word(f.Version), word(f.Arch)
			p.Files = append(p.Files, f)
		}
		a.byBytes[record.SHA256] = p
		a.patches = append(a.patches, p)
	}
	if !slices.Contains(p.Names, name) {
		p.Names = append(p.Names, name)
	}
	p.First = at(*e).In(a.now.Location()) // the entries come newest first
	return p
}

// namePatches gives each patch its page: by the first digits of its hash, by
// all of them where they are the same, and by something of ours where the
// hash is none.
func (a *arranger) namePatches() {
	seen := map[string]int{}
	for _, p := range a.patches {
		seen[p.Short()]++
	}
	for _, p := range a.patches {
		raw, err := hex.DecodeString(p.key)
		switch {
		case err != nil || len(raw) != 32 || strings.ToLower(p.key) != p.key:
			p.Page = "patch/x-" + slug(p.key) + ".html"
		case seen[p.Short()] > 1:
			p.Page = "patch/" + p.key + ".html"
		default:
			p.Page = "patch/" + p.Short() + ".html"
		}
	}
}

// twin is a file that came with other bytes too: the patch was re-released.
type twin struct {
	File   string // what is the same: the file's name, or package, version and architecture
	Mine   string // SHA-256 of the file
	Theirs string
	Other  *patchRuns
	Newer  bool // the other one was seen later
}

// bytesOf is one file of one patch, and what it may have in common with
// others.
type bytesOf struct {
	patch     *patchRuns
	sha, what string
}

// rereleases finds the files that came under one name with other bytes: in
// patches of the same name, and packages of the same version anywhere. Of each
// the neighbours in time are told.
func (h *history) rereleases() {
	same := map[string][]bytesOf{}
	var keys []string
	for _, p := range slices.Backward(h.byFirst()) { // oldest first
		for i, f := range p.record.Files {
			if f.Beside {
				continue
			}
			for key, what := range p.identities(i) {
				if same[key] == nil {
					keys = append(keys, key)
				}
				same[key] = append(same[key], bytesOf{p, f.SHA256, what})
			}
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		compare(same[key])
	}
}

// compare tells each of all, which have a name in common and are sorted by
// time, of the nearest before and after it with other bytes.
func compare(all []bytesOf) {
	before, after := make([]int, len(all)), make([]int, len(all))
	nearest := func(known []int, i, next int) {
		switch {
		case next < 0 || next == len(all):
			known[i] = -1
		case all[next].sha != all[i].sha:
			known[i] = next
		default:
			known[i] = known[next]
		}
	}
	for i := range all {
		nearest(before, i, i-1)
	}
	for i := range slices.Backward(all) {
		nearest(after, i, i+1)
	}
	for i, b := range all {
		for _, j := range []int{before[i], after[i]} {
			if j >= 0 && all[j].patch != b.patch {
				b.patch.addTwin(twin{File: b.what, Mine: word(b.sha), Theirs: word(all[j].sha), Other: all[j].patch, Newer: j > i})
			}
		}
	}
}

// identities are the ways in which the ith file of p is known, with words for
// them: its name in each name of the patch, and the package that it is.
func (p *patchRuns) identities(i int) map[string]string {
	out := map[string]string{}
	f := p.record.Files[i]
	for _, name := range p.Names {
		out["file\x00"+name+"\x00"+f.Name] = p.Files[i].Name
	}
	if f.Package != "" && f.Version != "" {
		out["package\x00"+f.Package+"\x00"+f.Version+"\x00"+f.Arch] = strings.TrimSpace(word(f.Package + " " + f.Version + " " + f.Arch))
	}
	return out
}

// addTwin adds t, unless the same is known under another word.
func (p *patchRuns) addTwin(t twin) {
	for _, have := range p.Twins {
		if have.Other == t.Other && have.Mine == t.Mine && have.Theirs == t.Theirs {
			return
		}
	}
	p.Twins = append(p.Twins, t)
}

// byFirst are the patches by when they were first seen, newest first.
func (h *history) byFirst() []*patchRuns {
	out := slices.Clone(h.patches)
	slices.SortFunc(out, func(x, y *patchRuns) int { return cmp.Or(y.First.Compare(x.First), cmp.Compare(x.key, y.key)) })
	return out
}
