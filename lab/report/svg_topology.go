package report

import (
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

const (
	drawnMachines = 48
	drawnNetworks = 12
)

// topology is the picture of the lab.
type topology struct {
	Width, Height int
	Bars          []netBar
	Wires         []wire
	Dots          []dot
	Boxes         []machineBox
	Desc          string // the picture in words
	Notes         []string
}

// netBar is a network: a bar from edge to edge.
type netBar struct {
	X, Y, W, H   int
	Title        string
	Name, About  string
	Status, Tone string // of the checks made from its gateway
	StatusX      int
}

type wire struct{ Path string }

type dot struct{ X, Y int }

func newTopology(r *lab.Record) topology {
	networks, moreNetworks := first(r.Networks, drawnNetworks)
	machines, moreMachines := first(r.Machines, drawnMachines)
	if len(machines) == 0 {
		return topology{}
	}
	l := layout{at: map[string]int{}}
	for i, n := range networks {
		l.at[n.Name] = i
	}
	l.homes = make([][]drawn, len(networks)+1)
	for _, m := range machines {
		d := drawn{m: m, lines: boxLines(r, m), class: boxClass(r, m), nets: l.networksOf(m)}
		home := len(networks)
		if len(d.nets) > 0 {
			home = d.nets[0]
		}
		l.homes[home] = append(l.homes[home], d)
	}
	for _, n := range networks {
		l.bars = append(l.bars, newBar(r, n))
	}
	t := l.draw()
	t.Desc = describe(networks, machines, r)
	t.Notes = append(topologyNotes(len(networks), moreNetworks, moreMachines), otherPlaces(r, networks, machines)...)
	return t
}

func topologyNotes(networks, moreNetworks, moreMachines int) (out []string) {
	if networks > 0 {
		out = append(out, "Checks stand where they were made from. Blue: patched. Red: broke; red and dashed: a regression was seen from there.")
	} else {
		out = append(out, "The record does not say how the machines were wired.")
	}
	if moreNetworks > 0 {
		out = append(out, fmt.Sprintf("Not drawn: %s more.", count(moreNetworks, "network")))
	}
	if moreMachines > 0 {
		out = append(out, fmt.Sprintf("Not drawn: %s more.", count(moreMachines, "machine")))
	}
	return out
}

// otherPlaces says what became of checks made from places that are not drawn.
func otherPlaces(r *lab.Record, networks []lab.NetworkRecord, machines []lab.MachineRecord) (out []string) {
	drawn := map[string]bool{"": true}
	for _, n := range networks {
		drawn["gateway of "+n.Name] = true
	}
	for _, m := range machines {
		drawn[m.Name] = true
	}
	for _, c := range r.Checks {
		if drawn[c.From] || len(out) == drawnNetworks {
			continue
		}
		drawn[c.From] = true
		words, _ := checksFrom(r, c.From, "")
		out = append(out, fmt.Sprintf("From %s: %s.", c.From, words))
	}
	return out
}

func newBar(r *lab.Record, n lab.NetworkRecord) netBar {
	b := netBar{Name: strings.TrimSpace(n.Name + "  " + n.Subnet)}
	var about []string
	if n.Gateway != "" {
		about = append(about, "gateway "+n.Gateway)
	}
	if n.Domain != "" {
		about = append(about, "domain "+n.Domain)
	}
	b.About = strings.Join(about, ", ")
	b.Status, b.Tone = checksFrom(r, "gateway of "+n.Name, "from the gateway")
	b.Title = strings.Trim(strings.Join([]string{b.Name, b.About, b.Status}, "; "), "; ")
	return b
}

// describe is the picture in words, for those who cannot see it.
func describe(networks []lab.NetworkRecord, machines []lab.MachineRecord, r *lab.Record) string {
	var parts []string
	for _, n := range networks {
		parts = append(parts, "Network "+newBar(r, n).Title+".")
	}
	for _, m := range machines {
		var lines []string
		for _, l := range boxLines(r, m) {
			lines = append(lines, l.Text)
		}
		parts = append(parts, "Machine "+strings.Join(lines, ", ")+".")
	}
	return lab.Printable(strings.Join(parts, " "), 4<<10)
}
