package hcl

import (
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// checkOrder reports circles in depends_on, each with its machines.
func (b *builder) checkOrder() {
	w := &walk{b: b, state: map[*lab.Machine]state{}}
	for _, m := range b.lab.Machines {
		w.visit(m)
	}
}

// walk goes through depends_on depth first.
type walk struct {
	b     *builder
	state map[*lab.Machine]state
	path  []*lab.Machine
}

func (w *walk) visit(m *lab.Machine) {
	if w.state[m] != untouched {
		return
	}
	w.state[m] = busy
	w.path = append(w.path, m)
	for _, d := range m.DependsOn {
		if w.state[d] == busy {
			w.report(d)
		}
		w.visit(d)
	}
	w.path = w.path[:len(w.path)-1]
	w.state[m] = done
}

// report reports the circle from m on the path to its end and back.
func (w *walk) report(m *lab.Machine) {
	i := len(w.path) - 1
	for w.path[i] != m {
		i--
	}
	var names []string
	for _, p := range w.path[i:] {
		names = append(names, p.Name)
	}
	names = append(names, m.Name)
	p := w.b.places.machines[w.path[len(w.path)-1]]
	detail := fmt.Sprintf("These machines wait for each other, so that none could boot: %s.", strings.Join(names, " → "))
	if len(names) == 2 {
		detail = fmt.Sprintf("Machine %q waits for itself, so that it could not boot.", m.Name)
	}
	w.b.fail(written{p.dependsOn, p.many}, nil, "Circle in depends_on", detail)
}
