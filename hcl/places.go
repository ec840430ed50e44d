package hcl

import (
	hclv2 "github.com/hashicorp/hcl/v2"

	"github.com/patchlab/patchlab/lab"
)

// places remembers where things of the model are written, for mistakes that
// only show when all is known.
type places struct {
	lab      hclv2.Range
	subnets  map[*lab.Network]hclv2.Range
	checks   map[*lab.Check]written
	machines map[*lab.Machine]*machinePlaces
}

// written is a place, and whether for_each made many things of it.
type written struct {
	at   hclv2.Range
	many bool
}

type machinePlaces struct {
	written
	dependsOn hclv2.Range
	nics      []nicPlaces // as lab.Machine.NICs
}

type nicPlaces struct {
	address, mac hclv2.Range
	declared     bool          // whether there is a mac attribute
	names        []hclv2.Range // as lab.NIC.Names
}

func newPlaces() *places {
	return &places{
		subnets:  map[*lab.Network]hclv2.Range{},
		checks:   map[*lab.Check]written{},
		machines: map[*lab.Machine]*machinePlaces{},
	}
}

// fail reports a mistake at a place, with another that takes part in it.
func (b *builder) fail(at written, first *hclv2.Range, summary, detail string) {
	n := note{instance: at.many}
	if first != nil {
		n.also = []hclv2.Range{*first}
	}
	b.d.add(at.at.Ptr(), summary, detail, n)
}

// nicAt is a NIC of the lab with its machine and places.
type nicAt struct {
	m     *lab.Machine
	nic   *lab.NIC
	place nicPlaces
	many  bool
}

// nics returns every NIC of the lab, in order.
func (b *builder) nics() []nicAt {
	var out []nicAt
	for _, m := range b.lab.Machines {
		p := b.places.machines[m]
		for i := range m.NICs {
			out = append(out, nicAt{m, &m.NICs[i], p.nics[i], p.many})
		}
	}
	return out
}
