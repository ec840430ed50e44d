package lab

// Plan is what a run of a lab would create. It is what `patchlab plan
// --format json` prints; fields are only ever added.
type Plan struct {
	Lab      string           `json:"lab"`
	Client   string           `json:"client,omitempty"`
	Images   []PlannedImage   `json:"images"`
	Networks []PlannedNetwork `json:"networks"`
	Machines []PlannedMachine `json:"machines"` // in boot order
	Patches  []PlannedPatch   `json:"patches"`
	Checks   []PlannedCheck   `json:"checks"`

	// MemoryMiB is what all machines of one instance have together.
	MemoryMiB int `json:"memory_mib"`
	// DiskMaxMiB is the virtual size of all disks of one instance together:
	// an upper bound. Every disk starts as a copy-on-write overlay of some
	// hundred KiB, and grows only by what the machine writes.
	DiskMaxMiB int `json:"disk_max_mib"`
	// DiskUnknown are the machines whose first disk is not in DiskMaxMiB,
	// because the definition does not say how large their image is.
	DiskUnknown []string `json:"disk_unknown,omitempty"`
}

// PlannedImage is an image the machines are cloned from.
type PlannedImage struct {
	Name       string   `json:"name"`
	OS         OS       `json:"os"`
	Distro     string   `json:"distro,omitempty"` // empty for an image from a file
	Release    string   `json:"release,omitempty"`
	Packages   []string `json:"packages,omitempty"`
	Pockets    []string `json:"pockets,omitempty"`
	Source     string   `json:"source,omitempty"` // path of the file it is taken from
	SHA256     string   `json:"sha256,omitempty"`
	VirtualMiB int      `json:"virtual_mib,omitempty"` // 0: not known from the definition
}

// PlannedNetwork is a network with its gateway.
type PlannedNetwork struct {
	Name    string `json:"name"`
	Subnet  string `json:"subnet"`
	Gateway string `json:"gateway"`
	Domain  string `json:"domain"`
	MTU     int    `json:"mtu"`
	Routed  bool   `json:"routed"`
}

// PlannedMachine is one machine and when it boots.
type PlannedMachine struct {
	Name      string       `json:"name"`
	BootWave  int          `json:"boot_wave"` // 1-based; machines of one wave boot side by side
	Image     string       `json:"image"`
	MemoryMiB int          `json:"memory_mib"`
	CPUs      int          `json:"cpus"`
	Impact    Impact       `json:"impact"`
	DependsOn []string     `json:"depends_on,omitempty"`
	NICs      []PlannedNIC `json:"nics"`
	DisksMiB  []int        `json:"disks_mib,omitempty"` // data disks beyond the image's
	SetUp     bool         `json:"set_up"`              // whether it has a setup block
}

// PlannedNIC is one network card of a machine.
type PlannedNIC struct {
	Network string   `json:"network"`
	Address string   `json:"address,omitempty"` // empty: from DHCP's pool
	MAC     string   `json:"mac"`
	Names   []string `json:"names,omitempty"` // further host names
}

// PlannedPatch is a patch and the waves it is applied in.
type PlannedPatch struct {
	Name   string       `json:"name"`
	Kind   PatchKind    `json:"kind"`
	Files  []string     `json:"files,omitempty"`
	Script string       `json:"script,omitempty"`
	Reboot RebootPolicy `json:"reboot"`
	Waves  [][]string   `json:"waves"` // names of machines, lowest impact first
}

// PlannedCheck is a check and where it is made from.
type PlannedCheck struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	From     string   `json:"from"` // a machine's name, or "gateway of <network>"
	Severity Severity `json:"severity"`
}

// NewPlan says what a run of l would create. It has no effect. Its lists are
// never nil.
func NewPlan(l *Lab) *Plan {
	p := &Plan{
		Lab: l.Name, Client: l.Client,
		Images: []PlannedImage{}, Networks: []PlannedNetwork{}, Machines: []PlannedMachine{},
		Patches: []PlannedPatch{}, Checks: []PlannedCheck{},
	}
	for _, i := range l.Images {
		p.Images = append(p.Images, planImage(i))
	}
	for _, n := range l.Networks {
		p.Networks = append(p.Networks, PlannedNetwork{
			Name: n.Name, Subnet: n.Subnet.String(), Gateway: n.Gateway.String(),
			Domain: n.Domain, MTU: n.MTU, Routed: n.Routed,
		})
	}
	for i, wave := range BootOrder(l) {
		for _, m := range wave {
			p.addMachine(m, i+1)
		}
	}
	for _, patch := range l.Patches {
		p.Patches = append(p.Patches, planPatch(patch))
	}
	for _, c := range l.Checks {
		p.Checks = append(p.Checks, PlannedCheck{Name: c.Name, Kind: c.Spec.Kind(), From: c.Place(), Severity: c.Severity})
	}
	return p
}

func planImage(i *Image) PlannedImage {
	p := PlannedImage{Name: i.Name, OS: i.OS, Source: i.Source, SHA256: i.SHA256}
	if b := i.Build; b != nil {
		p.Distro, p.Release, p.Packages, p.Pockets, p.VirtualMiB = b.Distro, b.Release, b.Packages, b.Pockets, b.DiskMiB
	}
	return p
}

// addMachine adds m, which boots in the given wave, and what it needs.
func (p *Plan) addMachine(m *Machine, wave int) {
	pm := PlannedMachine{
		Name: m.Name, BootWave: wave, Image: m.Image.Name, MemoryMiB: m.MemoryMiB, CPUs: m.CPUs,
		Impact: m.Impact, DependsOn: machineNames(m.DependsOn), SetUp: m.Setup != nil,
	}
	for _, n := range m.NICs {
		nic := PlannedNIC{Network: n.Network.Name, MAC: n.MAC.String(), Names: n.Names}
		if n.Address.IsValid() {
			nic.Address = n.Address.String()
		}
		pm.NICs = append(pm.NICs, nic)
	}
	p.MemoryMiB += m.MemoryMiB
	if m.Image.Build != nil {
		p.DiskMaxMiB += m.Image.Build.DiskMiB
	} else {
		p.DiskUnknown = append(p.DiskUnknown, m.Name)
	}
	for _, d := range m.Disks {
		pm.DisksMiB = append(pm.DisksMiB, d.SizeMiB)
		p.DiskMaxMiB += d.SizeMiB
	}
	p.Machines = append(p.Machines, pm)
}

func planPatch(p *Patch) PlannedPatch {
	pp := PlannedPatch{Name: p.Name, Kind: p.Kind, Files: p.Files, Script: p.Script, Reboot: p.Reboot, Waves: [][]string{}}
	for _, wave := range Waves(p) {
		pp.Waves = append(pp.Waves, machineNames(wave))
	}
	return pp
}

func machineNames(machines []*Machine) []string {
	var names []string
	for _, m := range machines {
		names = append(names, m.Name)
	}
	return names
}
