package lab

import (
	"maps"
	"math"
	"slices"
)

// BootOrder returns the machines of l in waves: each machine stands in the
// first wave after those of all machines that it depends on, in the order of
// the definition inside a wave. It panics when depends_on has a cycle, which
// a valid Lab has not.
func BootOrder(l *Lab) [][]*Machine {
	missing := make(map[*Machine]int, len(l.Machines))
	followers := make(map[*Machine][]*Machine, len(l.Machines))
	for _, m := range l.Machines {
		missing[m] += len(m.DependsOn)
		for _, d := range m.DependsOn {
			followers[d] = append(followers[d], m)
		}
	}
	level := bootLevels(l.Machines, missing, followers)
	var waves [][]*Machine
	for _, m := range l.Machines {
		n, ok := level[m]
		if !ok {
			panic("lab: depends_on has a cycle through machine " + m.Name)
		}
		for len(waves) <= n {
			waves = append(waves, nil)
		}
		waves[n] = append(waves[n], m)
	}
	return waves
}

// bootLevels gives each machine that no cycle holds back its wave, from 0. It
// uses up missing, the number of dependencies that have no wave yet.
func bootLevels(machines []*Machine, missing map[*Machine]int, followers map[*Machine][]*Machine) map[*Machine]int {
	level := make(map[*Machine]int, len(machines))
	var ready []*Machine
	for _, m := range machines {
		if missing[m] == 0 {
			ready = append(ready, m)
			level[m] = 0
		}
	}
	for len(ready) > 0 {
		m := ready[0]
		ready = ready[1:]
		for _, f := range followers[m] {
			if missing[f]--; missing[f] == 0 {
				level[f] = level[m] + 1 // m is the last of f's dependencies, so of the highest wave
				ready = append(ready, f)
			}
		}
	}
	return level
}

// Waves returns the targets of p in the order in which they are patched: by
// their explicit waves, then those without one by impact, the lowest first; in
// the order of p.Targets inside a wave. No wave is empty.
func Waves(p *Patch) [][]*Machine {
	impacts := []Impact{ImpactLow, ImpactNormal, ImpactHigh}
	key := func(m *Machine) int {
		if m.Wave > 0 {
			return m.Wave - math.MaxInt32 // before all without
		}
		return slices.Index(impacts, m.Impact)
	}
	byKey := map[int][]*Machine{}
	for _, m := range p.Targets {
		byKey[key(m)] = append(byKey[key(m)], m)
	}
	var waves [][]*Machine
	for _, k := range slices.Sorted(maps.Keys(byKey)) {
		waves = append(waves, byKey[k])
	}
	return waves
}
