package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// proofPart is how the test was made, and what was proven of its end.
type proofPart struct {
	Ready, Control []fact
	Reverted       badge
	Sentence       string
	Receipt        []receiptRow
	Facts          []fact
	Problems       []string
	MoreProblems   int
	Notes          []string
	MoreNotes      int
}

// receiptRow is one thing that a revert has to hold.
type receiptRow struct {
	What string
	Held badge
}

func newProof(r *lab.Record) proofPart {
	p := proofPart{Ready: readyFacts(r.Ready), Control: controlFacts(r.Control), Sentence: sentence(receipt(r))}
	rec := r.Receipt
	p.Problems, p.MoreProblems = first(rec.Problems, mostNotes)
	p.Notes, p.MoreNotes = first(rec.Notes, mostNotes)
	switch {
	case receiptMissing(r):
		p.Reverted = badge{"inconclusive", "! no receipt"}
		p.Sentence = "The record says that the run was reverted, and holds no receipt: it is of a patchlab that wrote none."
		return p
	case !rec.Proven:
		p.Reverted = badge{"fail", "✗ NOT PROVEN"}
	default:
		p.Reverted = badge{"pass", "✓ proven"}
	}
	ids, more := first(rec.Instances, mostNotes)
	if len(ids) == 0 {
		return p
	}
	p.Receipt = []receiptRow{
		{"The memory of every machine holds the ready state's nonce", held(rec.Nonce)},
		{"No marker of the later time is on a disk or in memory", held(rec.Marker)},
		{"The frozen files are unchanged", held(rec.Layers)},
		{"Processes, sockets and folders of the instances are gone", held(rec.Gone)},
	}
	p.Facts = []fact{
		{Name: "Files compared", Value: fmt.Sprintf("%d, %s", rec.Files, comparison(rec.Check))},
		{Name: "Instances reverted", Value: strings.Join(ids, ", ") + andMore(more)},
		{Name: "Took", Value: span(rec.Seconds)},
	}
	return p
}

// sentence is a receipt's line without the words that its badge says.
func sentence(receipt string) string {
	receipt = strings.TrimPrefix(receipt, "reverted: ")
	return line(strings.TrimPrefix(receipt, "NOT PROVEN: "))
}

func held(yes bool) badge {
	if yes {
		return badge{"pass", "✓ holds"}
	}
	return badge{"fail", "✗ not shown"}
}

func comparison(check string) string {
	switch check {
	case "fast":
		return "by size and times (fast)"
	case "full":
		return "by SHA-256 (full)"
	}
	return orNone(check, "not said how")
}

func readyFacts(r lab.ReadyRecord) []fact {
	if r.Key == "" {
		return nil
	}
	from := "reused, of " + moment(r.Created)
	if r.Built {
		from = "built by this run in " + span(r.Seconds)
	}
	memory := map[string]string{"fork": "forked copy-on-write", "restore": "read from a save file"}[r.Memory]
	return []fact{
		{Name: "Ready state", Value: from},
		{Name: "Memory", Value: orNone(memory, orNone(r.Memory, "not recorded"))},
		{Name: "Key", Value: r.Key, Hash: true},
	}
}

func controlFacts(c lab.ControlRecord) []fact {
	if c.Mode == "" {
		return nil
	}
	mode := map[string]string{
		"concurrent": "beside the patched arm (concurrent)", "sequential": "after the patched arm (sequential)", "off": "none (off)",
	}[c.Mode]
	mode = orNone(mode, c.Mode)
	if c.Reason != "" {
		mode += ": " + c.Reason
	}
	return []fact{{Name: "Control arm", Value: mode}}
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more in the record", n)
}

const mostParts = 300 // of a definition

// versionsPart says with what the test was made.
type versionsPart struct {
	Tool       []fact
	Machines   []systemRow
	Cards      bool // any of Machines says what network cards it has
	More       int
	Definition []fact
	Parts      []fact
	MoreParts  int
}

type systemRow struct {
	Name, System, Size, Image string
	Cards                     []string // network cards
}

func newVersions(r *lab.Record) versionsPart {
	t := r.Tool
	var v versionsPart
	for _, f := range []fact{
		{Name: "patchlab", Value: t.Patchlab},
		{Name: "QEMU", Value: t.QEMU},
		{Name: "libvirt", Value: t.Libvirt},
		{Name: "Acceleration", Value: t.Accel},
		{Name: "Host", Value: t.Host},
		{Name: "Host's kernel", Value: t.Kernel},
		{Name: "Run", Value: r.Run},
		{Name: "Record", Value: fmt.Sprintf("version %d, in %s", r.Version, orNone(r.Dir, "no folder"))},
	} {
		f.Value = orNone(f.Value, "not recorded")
		v.Tool = append(v.Tool, f)
	}
	machines, more := first(r.Machines, mostMachines)
	v.More = more
	for _, m := range machines {
		row := systemRow{Name: m.Name, System: orNone(orNone(m.System, string(m.OS)), "not recorded"), Image: orNone(m.Image, "not recorded")}
		if m.MemoryMiB > 0 {
			row.Size = fmt.Sprintf("%d MiB, %s", m.MemoryMiB, count(m.CPUs, "CPU"))
		}
		row.Cards = cards(m.NICs)
		v.Cards = v.Cards || len(row.Cards) > 0
		v.Machines = append(v.Machines, row)
	}
	v.definition(r.Definition)
	return v
}

// cards are network cards, a line each.
func cards(nics []lab.NICRecord) (out []string) {
	shown, more := first(nics, 16)
	for _, n := range shown {
		names, rest := first(n.Names, 16)
		text := strings.Join(append([]string{n.Network, orNone(n.Address, "DHCP"), n.MAC}, names...), " ")
		out = append(out, line(text+andMore(rest)))
	}
	if more > 0 {
		out = append(out, strings.TrimSpace(andMore(more)))
	}
	return out
}

func (v *versionsPart) definition(d lab.Fingerprint) {
	if d.SHA256 == "" {
		return
	}
	v.Definition = []fact{{Name: "Folder", Value: orNone(d.Dir, "not recorded")}, {Name: "SHA-256", Value: d.SHA256, Hash: true}}
	for name, sum := range d.Parts {
		v.Parts = append(v.Parts, fact{Name: name, Value: sum, Hash: true})
	}
	slices.SortFunc(v.Parts, func(a, b fact) int { return strings.Compare(a.Name, b.Name) })
	v.Parts, v.MoreParts = first(v.Parts, mostParts)
}
