package lab

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// node is a line of a tree with what hangs below it.
type node struct {
	text string
	kids []node
}

// write prints the lines below n, each after prefix.
func (n node) write(b *strings.Builder, prefix string) {
	for i, k := range n.kids {
		branch, next := "├─ ", "│  "
		if i == len(n.kids)-1 {
			branch, next = "└─ ", "   "
		}
		fmt.Fprintf(b, "%s%s%s\n", prefix, branch, k.text)
		k.write(b, prefix+next)
	}
}

// WriteTree prints the plan for people.
func (p *Plan) WriteTree(w io.Writer) error {
	root := node{kids: []node{
		p.imageTree(), p.networkTree(), p.machineTree(), p.patchTree(), p.checkTree(), p.needTree(),
	}}
	var b strings.Builder
	fmt.Fprintf(&b, "lab %s", p.Lab)
	if p.Client != "" {
		fmt.Fprintf(&b, " (%s)", p.Client)
	}
	b.WriteByte('\n')
	root.write(&b, "")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("cannot write the plan: %w", err)
	}
	return nil
}

func (p *Plan) imageTree() node {
	n := node{text: count(len(p.Images), "image")}
	for _, i := range p.Images {
		text := fmt.Sprintf("%s: from %s", i.Name, filepath.Base(i.Source))
		if i.Source == "" {
			text = fmt.Sprintf("%s: %s %s (%s), %s", i.Name, i.Distro, i.Release, strings.Join(i.Pockets, ", "), sizeText(i.VirtualMiB))
		}
		kid := node{text: text}
		if len(i.Packages) > 0 {
			kid.kids = []node{{text: "packages: " + strings.Join(i.Packages, ", ")}}
		}
		n.kids = append(n.kids, kid)
	}
	return n
}

func (p *Plan) networkTree() node {
	n := node{text: count(len(p.Networks), "network")}
	for _, w := range p.Networks {
		text := fmt.Sprintf("%s: %s, gateway %s, domain %s", w.Name, w.Subnet, w.Gateway, w.Domain)
		if w.MTU != 1500 {
			text += fmt.Sprintf(", MTU %d", w.MTU)
		}
		if !w.Routed {
			text += ", not routed"
		}
		n.kids = append(n.kids, node{text: text})
	}
	return n
}

func (p *Plan) machineTree() node {
	n := node{text: count(len(p.Machines), "machine") + ", in boot order"}
	for _, m := range p.Machines {
		kid := node{text: fmt.Sprintf("%d. %s: %s, %s, image %s", m.BootWave, m.Name, sizeText(m.MemoryMiB), count(m.CPUs, "CPU"), m.Image)}
		if len(m.DependsOn) > 0 {
			kid.text += ", after " + strings.Join(m.DependsOn, ", ")
		}
		if m.SetUp {
			kid.text += ", set up"
		}
		for _, c := range m.NICs {
			kid.kids = append(kid.kids, node{text: nicText(c)})
		}
		for _, d := range m.DisksMiB {
			kid.kids = append(kid.kids, node{text: "data disk, " + sizeText(d)})
		}
		n.kids = append(n.kids, kid)
	}
	return n
}

func nicText(c PlannedNIC) string {
	address := c.Address
	if address == "" {
		address = "DHCP"
	}
	text := fmt.Sprintf("%s: %s, %s", c.Network, address, c.MAC)
	if len(c.Names) > 0 {
		text += ", also " + strings.Join(c.Names, ", ")
	}
	return text
}

func (p *Plan) patchTree() node {
	n := node{text: fmt.Sprintf("%d patches", len(p.Patches))}
	if len(p.Patches) == 1 {
		n.text = "1 patch"
	}
	for _, q := range p.Patches {
		what := count(len(q.Files), "file")
		if q.Script != "" {
			what = filepath.Base(q.Script)
		}
		kid := node{text: fmt.Sprintf("%s: %s, %s, reboot %s", q.Name, q.Kind, what, q.Reboot)}
		for i, wave := range q.Waves {
			kid.kids = append(kid.kids, node{text: fmt.Sprintf("wave %d: %s", i+1, strings.Join(wave, ", "))})
		}
		n.kids = append(n.kids, kid)
	}
	return n
}

func (p *Plan) checkTree() node {
	n := node{text: count(len(p.Checks), "check")}
	for _, c := range p.Checks {
		text := fmt.Sprintf("%s: %s from %s", c.Name, c.Kind, c.From)
		if c.Severity != Critical {
			text += ", " + string(c.Severity)
		}
		n.kids = append(n.kids, node{text: text})
	}
	return n
}

func (p *Plan) needTree() node {
	disk := "disk: at most " + sizeText(p.DiskMaxMiB) + ", were every disk filled"
	if len(p.DiskUnknown) > 0 {
		disk += ", and the image's own disk for " + strings.Join(p.DiskUnknown, ", ")
	}
	return node{text: "needs, for each instance", kids: []node{
		{text: "memory: " + sizeText(p.MemoryMiB)},
		{text: disk, kids: []node{{text: "each starts as a copy-on-write overlay of some hundred KiB and grows as the machine writes"}}},
	}}
}

// sizeText writes a number of MiB for people: "512 MiB", "1.5 GiB".
func sizeText(mib int) string {
	if mib < 1024 {
		return fmt.Sprintf("%d MiB", mib)
	}
	gib := fmt.Sprintf("%.1f", float64(mib)/1024)
	return strings.TrimSuffix(gib, ".0") + " GiB"
}
