package report

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// someLab is a lab of so many machines and networks, with names of all
// lengths; every third machine is on more than one network.
func someLab(machines, networks int) *lab.Record {
	rnd := rand.New(rand.NewPCG(uint64(machines), uint64(networks)))
	name := func(i int) string { return fmt.Sprint(i, strings.Repeat("Wm-", rnd.IntN(40))) }
	r := &lab.Record{}
	for i := range networks {
		r.Networks = append(r.Networks, lab.NetworkRecord{
			Name: name(i), Subnet: "192.168.100.0/24", Gateway: "192.168.100.100", Domain: name(i),
		})
		r.Checks = append(r.Checks, lab.CheckRecord{From: "gateway of " + r.Networks[i].Name, Class: lab.ClassRegression})
	}
	for i := range machines {
		m := lab.MachineRecord{Name: name(i), System: name(i), Target: i%2 == 0}
		for k := range 1 + (i%3)/2*rnd.IntN(4) {
			if networks > 0 {
				n := r.Networks[(rnd.IntN(networks)+k)%networks]
				m.NICs = append(m.NICs, lab.NICRecord{Network: n.Name, Address: "192.168.100.100", Names: []string{name(i), "www"}})
			}
		}
		if i%2 == 0 {
			m.Outcome, m.Wave = &lab.PatchOutcome{Status: lab.Applied}, 1+i/4
		}
		r.Machines = append(r.Machines, m)
		r.Checks = append(r.Checks, lab.CheckRecord{From: m.Name, Class: lab.ClassRebootInduced})
		r.Findings = append(r.Findings, lab.Finding{Machine: m.Name, Condition: lab.NetworkGone})
	}
	return r
}

func TestTopologyFitsAndDoesNotOverlap(t *testing.T) {
	for machines := 1; machines <= 14; machines++ {
		for networks := range 6 {
			t.Run(fmt.Sprintf("%d machines on %d networks", machines, networks), func(t *testing.T) {
				r := someLab(machines, networks)
				p := newTopology(r)
				if len(p.Boxes) != machines || len(p.Bars) != networks {
					t.Fatalf("%d boxes and %d bars", len(p.Boxes), len(p.Bars))
				}
				checkTopology(t, p)
				checkWiring(t, r, p)
			})
		}
	}
}

func checkTopology(t *testing.T, p topology) {
	t.Helper()
	type rect struct{ x, y, w, h int }
	var all []rect
	for _, b := range p.Boxes {
		all = append(all, rect{b.X, b.Y, b.W, b.H})
		for _, l := range b.Lines {
			em, style := lineFont(l.Class)
			if l.Y > b.H-5 || textWidth(l.Text, em, style) > b.W {
				t.Errorf("%q does not fit into its box", l.Text)
			}
		}
	}
	for _, b := range p.Bars {
		all = append(all, rect{b.X, b.Y, b.W, b.H})
		if w := textWidth(b.Name, 14, boldText); w+textWidth(b.Status, 12, boldText) > b.W {
			t.Errorf("%q and %q do not fit into their bar", b.Name, b.Status)
		}
	}
	for i, a := range all {
		if a.x < 0 || a.y < 0 || a.x+a.w > p.Width || a.y+a.h > p.Height {
			t.Errorf("%v is outside of %d × %d", a, p.Width, p.Height)
		}
		for _, b := range all[:i] {
			if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
				t.Errorf("%v and %v overlap", a, b)
			}
		}
	}
}

// checkWiring wants a dot for each machine on each of its networks, on the
// edge of a bar.
func checkWiring(t *testing.T, r *lab.Record, p topology) {
	t.Helper()
	want := 0
	for _, m := range r.Machines {
		on := map[string]bool{}
		for _, n := range m.NICs {
			on[n.Network] = true
		}
		want += len(on)
	}
	if len(p.Dots) != want {
		t.Errorf("%d dots, want %d", len(p.Dots), want)
	}
	seen := map[dot]bool{} // where wires come from above; those of one network may share one below
	for _, d := range p.Dots {
		onBar, above := false, false
		for _, b := range p.Bars {
			onBar, above = onBar || d.Y == b.Y || d.Y == b.Y+b.H, above || d.Y == b.Y
		}
		if !onBar {
			t.Errorf("the dot %v is not on a bar", d)
		}
		if above && seen[d] {
			t.Errorf("two machines share the dot %v", d)
		}
		seen[d] = true
	}
}

func TestTopologyOfTooMuch(t *testing.T) {
	p := newTopology(someLab(70, 30))
	if len(p.Boxes) != drawnMachines || len(p.Bars) != drawnNetworks {
		t.Fatalf("%d boxes and %d bars", len(p.Boxes), len(p.Bars))
	}
	checkTopology(t, p)
	notes := strings.Join(p.Notes, " ")
	for _, want := range []string{"18 networks more", "22 machines more"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes %q do not say %q", notes, want)
		}
	}
}

func TestTopologyMarks(t *testing.T) {
	r := &lab.Record{
		Networks: []lab.NetworkRecord{{Name: "office"}},
		Machines: []lab.MachineRecord{
			{Name: "lost", Outcome: &lab.PatchOutcome{Status: lab.Applied}},
			{Name: "refused", Outcome: &lab.PatchOutcome{Status: lab.PatchFailed}},
			{Name: "seen"},
			{Name: "well"},
			{Name: "warned"},
			{Name: "spared", Target: true},
		},
		Findings: []lab.Finding{
			{Machine: "lost", Condition: lab.Panicked, Patch: true}, {Machine: "warned", Warning: true, Condition: lab.Hung}, {Machine: "well", Host: true, Condition: lab.HostAtFault},
		},
		Checks: []lab.CheckRecord{{From: "seen", Class: lab.ClassRegression}, {From: "gateway of office", Class: lab.ClassFlaky}, {From: "nowhere", Class: lab.ClassOK}},
		Spared: []string{"spared"},
	}
	p := newTopology(r)
	classes := map[string]string{"lost": "patched broke", "refused": "broke", "seen": "seen"}
	marks := map[string]string{
		"lost": "✗ broke: panicked", "refused": "✗ the patch failed here", "seen": "✗ 1 regression", "spared": "◇ spared",
	}
	for i, m := range r.Machines {
		if b := p.Boxes[i]; b.Class != classes[m.Name] || !strings.Contains(b.Title, marks[m.Name]) {
			t.Errorf("%s is %q: %s", m.Name, b.Class, b.Title)
		}
	}
	if p.Bars[0].Status != "! 1 check not sound from the gateway" {
		t.Errorf("the gateway says %q", p.Bars[0].Status)
	}
	if !strings.Contains(strings.Join(p.Notes, " "), "From nowhere: ✓ 1 check ok.") {
		t.Errorf("the notes are %q", p.Notes)
	}
}
