package lab

import "slices"

// unit is one item of a bisection, or several that need each other.
type unit struct {
	items []int // rising
	needs set   // units, itself included, and all that those need in turn
}

// set is a set of units, by index.
type set []bool

func (s set) empty() bool { return !slices.Contains(s, true) }

func (s set) count() (n int) {
	for _, in := range s {
		if in {
			n++
		}
	}
	return n
}

// unitsOf groups items and puts them in an order in which each comes after
// those that it needs; otherwise the batch's order is kept.
func unitsOf(items []*Patch, needs map[*Patch][]*Patch) []unit {
	reach := reaches(items, needs)
	var units []unit
	unitAt := make([]int, len(items)) // by item, 1-based; 0: none yet
	var add func(i int)
	add = func(i int) {
		if unitAt[i] > 0 {
			return
		}
		var members []int
		for j := range items {
			if i == j || reach[i][j] && reach[j][i] {
				members = append(members, j)
			}
		}
		for j := range items {
			if reach[i][j] && !slices.Contains(members, j) {
				add(j) // which does not need i: this ends
			}
		}
		units = append(units, unit{items: members})
		for _, j := range members {
			unitAt[j] = len(units)
		}
	}
	for i := range items {
		add(i)
	}
	for u := range units {
		units[u].needs = make(set, len(units))
		units[u].needs[u] = true
		for j, needed := range reach[units[u].items[0]] {
			if needed {
				units[u].needs[unitAt[j]-1] = true
			}
		}
	}
	return units
}

// reaches says of each item which others it needs, directly or not.
func reaches(items []*Patch, needs map[*Patch][]*Patch) [][]bool {
	reach := make([][]bool, len(items))
	for i := range items {
		reach[i] = make([]bool, len(items))
		todo := []*Patch{items[i]}
		for len(todo) > 0 {
			next := needs[todo[0]]
			todo = todo[1:]
			for _, p := range next {
				if j := slices.Index(items, p); j >= 0 && !reach[i][j] {
					reach[i][j] = true
					todo = append(todo, p)
				}
			}
		}
	}
	return reach
}

// prefix is the set of the first n units.
func (b *bisecting) prefix(n int) set {
	s := make(set, len(b.units))
	for u := range n {
		s[u] = true
	}
	return s
}

// only is the set of one unit, without what it needs.
func (b *bisecting) only(u int) set {
	s := make(set, len(b.units))
	s[u] = true
	return s
}

// closed is the union of sets with all that their units need.
func (b *bisecting) closed(sets ...set) set {
	out := make(set, len(b.units))
	for _, s := range sets {
		for u, in := range s {
			for v := range out {
				out[v] = out[v] || in && b.units[u].needs[v]
			}
		}
	}
	return out
}

// without is s without the units of gone and those that need one of them.
func (b *bisecting) without(s, gone set) set {
	out := slices.Clone(s)
	for u := range out {
		for v, needed := range b.units[u].needs {
			if needed && gone[v] {
				out[u] = false
			}
		}
	}
	return out
}

// minus is s without unit u, which no other unit of s needs.
func (b *bisecting) minus(s set, u int) set {
	out := slices.Clone(s)
	out[u] = false
	return out
}

// roots are the units of s that no other unit of s needs.
func (b *bisecting) roots(s set) set {
	out := slices.Clone(s)
	for u, in := range s {
		for v, needed := range b.units[u].needs {
			if in && needed && v != u {
				out[v] = false
			}
		}
	}
	return out
}

// items are the indexes of all items of s, rising.
func (b *bisecting) items(s set) []int {
	var out []int
	for u, in := range s {
		if in {
			out = append(out, b.units[u].items...)
		}
	}
	slices.Sort(out)
	return out
}

// names are the names of all items of s, in the batch's order.
func (b *bisecting) names(s set) []string {
	var out []string
	for _, i := range b.items(s) {
		out = append(out, b.Items[i].Name)
	}
	return out
}

// unitOf is the index of the unit that an item belongs to.
func (b *bisecting) unitOf(item int) int {
	return slices.IndexFunc(b.units, func(u unit) bool { return slices.Contains(u.items, item) })
}
