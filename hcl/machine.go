package hcl

import (
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchlab/patchlab/lab"
)

const (
	minMemoryMiB, maxMemoryMiB, defaultMemoryMiB = 64, 16 << 20, 512
	maxCPUs                                      = 255
	maxWave                                      = 1000
	defaultBootTimeout                           = 5 * time.Minute
)

// instance is one machine of a machine block: the only one, or that of one
// key of for_each.
type instance struct {
	block *hclsyntax.Block
	in    *each
	m     *lab.Machine
}

// declareMachines makes machine.NAME known for each machine block. Its needs
// are those of what expressions can ask of it: its keys and first address.
func (b *builder) declareMachines(blocks []*hclsyntax.Block) {
	for _, block := range blocks {
		y := &symbol{kind: "machine", name: block.Labels[0]}
		if a := block.Body.Attributes["for_each"]; a != nil {
			y.forEach = true
			y.needs = append(y.needs, a.Expr)
		}
		if a := firstAddress(block); a != nil {
			y.needs = append(y.needs, a.Expr)
		}
		y.compute = func() cty.Value {
			if y.forEach {
				return b.expandMachine(y, block)
			}
			return b.newMachine(block, y.name, nil)
		}
		b.s.declare(y)
	}
}

// firstAddress is the address attribute of a machine's first nic, or nil.
func firstAddress(block *hclsyntax.Block) *hclsyntax.Attribute {
	for _, k := range block.Body.Blocks {
		if k.Type == "nic" {
			return k.Body.Attributes["address"]
		}
	}
	return nil
}

// expandMachine makes one machine for each element of for_each.
func (b *builder) expandMachine(y *symbol, block *hclsyntax.Block) cty.Value {
	a := block.Body.Attributes["for_each"]
	elements, ok := b.s.expand(a)
	if !ok {
		return cty.DynamicVal
	}
	y.keys = []string{}
	values := map[string]cty.Value{}
	for _, e := range elements {
		name := y.name + "-" + e.key
		if !dnsLabel.MatchString(name) {
			b.d.add(a.Expr.Range().Ptr(), "Invalid name", fmt.Sprintf(
				"With the key %q, the machine's name would be %q. The name of a machine is %s.", e.key, name, dnsLabelRule), note{})
			continue
		}
		y.keys = append(y.keys, e.key)
		values[e.key] = b.newMachine(block, name, &e)
	}
	return cty.ObjectVal(values)
}

// newMachine makes a machine, to be filled in by buildMachine, and returns
// what a reference to it is.
func (b *builder) newMachine(block *hclsyntax.Block, name string, in *each) cty.Value {
	m := &lab.Machine{Name: name, Pos: posOf(block)}
	b.instances[block] = append(b.instances[block], instance{block, in, m})
	address := cty.NullVal(cty.String)
	if a := firstAddress(block); a != nil {
		address = b.s.eval(a.Expr, in)
		if address.Type() != cty.String || isSensitive(address) {
			address = cty.UnknownVal(cty.String) // a mistake, which buildMachine reports
		}
	}
	return cty.ObjectVal(map[string]cty.Value{
		"name": cty.StringVal(name), "address": address, refAttr: cty.CapsuleVal(machineType, m),
	})
}

// buildMachine fills a machine in and adds it to the lab.
func (b *builder) buildMachine(i instance) {
	m, r := i.m, b.s.reader(i.block, i.m.Name, i.in)
	b.lab.Machines = append(b.lab.Machines, m)
	p := &machinePlaces{written: written{i.block.DefRange(), i.in != nil}, dependsOn: r.rangeOf("depends_on")}
	b.places.machines[m] = p
	m.Image = ref[lab.Image](r, "image", "image.NAME")
	m.MemoryMiB = r.size("memory", minMemoryMiB, maxMemoryMiB, defaultMemoryMiB)
	m.CPUs = r.number("cpus", 1, maxCPUs, 1)
	m.DependsOn = r.machines("depends_on")
	m.Impact = oneOf(r, "impact", lab.ImpactNormal, lab.ImpactLow, lab.ImpactNormal, lab.ImpactHigh)
	m.Wave = r.number("wave", 1, maxWave, 0)
	if r.has("wave") && r.has("impact") {
		r.fail(r.body.Attributes["wave"].NameRange, "Conflicting attributes", "%s has \"wave\" and \"impact\": both say when it is patched.", upperFirst(r.what))
	}
	m.Firmware = oneOf(r, "firmware", lab.BIOS, lab.BIOS, lab.UEFI)
	m.Bus = oneOf(r, "bus", lab.BusVirtio, lab.BusVirtio, lab.BusSATA)
	m.NICModel = oneOf(r, "nic_model", lab.NICVirtio, lab.NICVirtio, lab.NICE1000e)
	m.BootTimeout = r.duration("boot_timeout", defaultBootTimeout)
	checkDrivers(r, m)
	if m.Image != nil {
		r.os = m.Image.OS
	}
	for _, k := range r.blocks("nic") {
		m.NICs = append(m.NICs, readNIC(r.inside(k), k, p))
	}
	if len(m.NICs) == 0 && !r.doubtful() {
		r.fail(i.block.DefRange(), "Machine without a network", "%s needs a nic block: nic { network = network.NAME }.", upperFirst(r.what))
	}
	for _, k := range r.blocks("disk") {
		m.Disks = append(m.Disks, lab.Disk{Pos: posOf(k), SizeMiB: r.inside(k).size("size", 1, maxDiskMiB, 1)})
	}
	if k := r.block("setup"); k != nil {
		m.Setup = readSetup(r.inside(k), k, m)
	}
	own := watch{}
	if k := r.block("watch"); k != nil {
		own = readWatch(r.inside(k))
	}
	m.Watch = watched(r.os, b.watch, own)
}

// checkDrivers reports devices that a built image has no drivers for: its
// kernel is Debian's cloud kernel, which knows virtio alone.
func checkDrivers(r *reader, m *lab.Machine) {
	if m.Image == nil || m.Image.Build == nil {
		return
	}
	const detail = "%s boots from an image that is built here, and its kernel has no driver for %s = %q. " +
		"Leave the attribute out; it is for imported systems that lack virtio drivers."
	if m.Bus == lab.BusSATA {
		r.fail(r.rangeOf("bus"), "Device without a driver", detail, upperFirst(r.what), "bus", m.Bus)
	}
	if m.NICModel == lab.NICE1000e {
		r.fail(r.rangeOf("nic_model"), "Device without a driver", detail, upperFirst(r.what), "nic_model", m.NICModel)
	}
}
