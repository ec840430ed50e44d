package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/patch"
)

// batch is what is bisected: patches taken apart into items.
type batch struct {
	items   []*lab.Patch
	needs   map[*lab.Patch][]*lab.Patch
	origin  map[*lab.Patch]*lab.Patch // of what an item was taken apart
	whole   *lab.Patch                // the batch of the definition that all items are parts of; nil: none
	remarks []string
}

// newBatch takes patches apart.
func newBatch(patches []*lab.Patch) (*batch, error) {
	b := &batch{needs: map[*lab.Patch][]*lab.Patch{}, origin: map[*lab.Patch]*lab.Patch{}}
	if len(patches) == 1 && patches[0].Kind == lab.PatchBatch {
		b.whole = patches[0]
	}
	for _, p := range patches {
		b.add(p)
	}
	b.distinct()
	if len(b.items) < 2 {
		return nil, usagef("patchlab test says whether it breaks the lab", "patch %q cannot be taken apart: there is nothing to bisect", patches[0].Name)
	}
	b.readNeeds()
	return b, nil
}

// add takes one patch apart.
func (b *batch) add(p *lab.Patch) {
	switch {
	case p.Kind == lab.PatchBatch:
		for _, part := range p.Parts {
			b.add(part)
		}
	case p.Kind == lab.PatchDeb || p.Kind == lab.PatchRPM:
		from := b.sameFolder(p)
		for _, f := range p.Files {
			item := *p
			item.Name, item.Files = filepath.Base(f), []string{f}
			b.items, b.origin[&item] = append(b.items, &item), from
		}
	case len(p.Packages) > 0:
		for _, name := range p.Packages {
			item := *p
			item.Name, item.Packages = name, []string{name}
			b.items, b.origin[&item] = append(b.items, &item), p
		}
	default:
		b.items, b.origin[p] = append(b.items, p), p
	}
}

// sameFolder is the patch whose files p's are installed together with: those
// that were named by their path, of one kind and for the same machines, are
// one update, whether they came in a folder or one by one.
func (b *batch) sameFolder(p *lab.Patch) *lab.Patch {
	for _, item := range b.items {
		o := b.origin[item]
		if o.Pos.File == "" && p.Pos.File == "" && o.Kind == p.Kind && o.Bundle == p.Bundle && slices.Equal(o.Targets, p.Targets) {
			return o
		}
	}
	return p
}

// distinct gives items of the same name names that differ.
func (b *batch) distinct() {
	seen := map[string]int{}
	for i, item := range b.items {
		seen[item.Name]++
		if n := seen[item.Name]; n > 1 {
			other := *item
			other.Name = fmt.Sprintf("%s (%d)", item.Name, n)
			b.items[i], b.origin[&other] = &other, b.origin[item]
		}
	}
}

// readNeeds finds out which packages cannot be installed without others of
// the batch.
func (b *batch) readNeeds() {
	infos := map[*lab.Patch]patch.DebInfo{}
	for _, item := range b.items {
		if item.Kind != lab.PatchDeb {
			continue
		}
		info, err := patch.ReadDebInfo(item.Files[0])
		if err != nil {
			b.remarks = append(b.remarks, lab.Printable(fmt.Sprintf("what %s needs is not known: %v", item.Name, err), 300))
			continue
		}
		infos[item] = info
	}
	for _, p := range b.items {
		for _, q := range b.items {
			info, ok := infos[p]
			if ok && p != q && infos[q].Name != "" && info.Needs(infos[q]) && meet(p, q) {
				b.needs[p] = append(b.needs[p], q)
			}
		}
	}
}

// meet reports whether two patches are for one and the same machine.
func meet(p, q *lab.Patch) bool {
	return slices.ContainsFunc(p.Targets, func(m *lab.Machine) bool { return slices.Contains(q.Targets, m) })
}

// together makes one patch of some items: what was taken apart is put together
// again, so that packages are installed in one go.
func (b *batch) together(items []*lab.Patch, o bisectOptions) *lab.Patch {
	var parts []*lab.Patch
	at := map[*lab.Patch]*lab.Patch{} // by origin
	for _, item := range items {
		from := b.origin[item]
		part := at[from]
		if part == nil {
			other := *from
			other.Files, other.Packages = slices.Clone(item.Files), slices.Clone(item.Packages)
			part, at[from] = &other, &other
			parts = append(parts, part)
			continue
		}
		part.Files = append(part.Files, item.Files...)
		part.Packages = append(part.Packages, item.Packages...)
		slices.Sort(part.Files)
	}
	out := parts[0]
	switch {
	case b.whole != nil:
		other := *b.whole
		other.Parts, out = parts, &other
	case len(parts) > 1:
		out = batchOf(parts)
	}
	out.Name = b.short(namesOf(items))
	out.VerifyReboot = out.VerifyReboot && !o.noReboot
	return out
}

// batchOf makes a batch of patches that no definition puts into one.
func batchOf(parts []*lab.Patch) *lab.Patch {
	out := &lab.Patch{Kind: lab.PatchBatch, Parts: parts, Reboot: lab.RebootNever}
	for _, p := range parts {
		for _, m := range p.Targets {
			if !slices.Contains(out.Targets, m) {
				out.Targets = append(out.Targets, m)
			}
		}
		out.Timeout += p.Timeout
		out.VerifyReboot = out.VerifyReboot || p.VerifyReboot
		if p.Reboot == lab.RebootAlways || p.Reboot == lab.RebootAuto && out.Reboot == lab.RebootNever {
			out.Reboot = p.Reboot
		}
	}
	return out
}
