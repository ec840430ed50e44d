package lab_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// dental is a lab with every feature that plans and graphs show.
func dental() *lab.Lab {
	server := &lab.Image{Name: "server", OS: lab.Linux, Build: &lab.Build{
		Distro: "debian", Release: "bookworm", Packages: []string{"apache2"}, Pockets: []string{"release"}, DiskMiB: 4096,
	}}
	desktop := &lab.Image{Name: "desktop", OS: lab.Windows, Source: "/srv/disks/desk.vhdx"}
	office := &lab.Network{
		Name: "office", Subnet: netip.MustParsePrefix("192.168.1.0/24"),
		Gateway: netip.MustParseAddr("192.168.1.1"), Domain: "harbour.lan", MTU: 1500, Routed: true,
	}
	dmz := &lab.Network{
		Name: "dmz", Subnet: netip.MustParsePrefix("10.9.0.0/28"),
		Gateway: netip.MustParseAddr("10.9.0.1"), Domain: "dmz.lab", MTU: 9000,
	}
	nic := func(n *lab.Network, addr string, last byte, names ...string) lab.NIC {
		c := lab.NIC{Network: n, MAC: net.HardwareAddr{0x52, 0x54, 0, 0, 0, last}, Names: names}
		if addr != "" {
			c.Address = netip.MustParseAddr(addr)
		}
		return c
	}
	web := &lab.Machine{
		Name: "web", Image: server, MemoryMiB: 512, CPUs: 2, Impact: lab.ImpactHigh,
		NICs: []lab.NIC{nic(office, "192.168.1.10", 1, "www"), nic(dmz, "10.9.0.2", 2)},
	}
	db := &lab.Machine{
		Name: "db", Image: server, MemoryMiB: 1024, CPUs: 1, Impact: lab.ImpactLow,
		NICs: []lab.NIC{nic(office, "192.168.1.20", 3)}, Disks: []lab.Disk{{SizeMiB: 1536}}, Setup: &lab.Setup{},
	}
	desk := &lab.Machine{
		Name: "desk", Image: desktop, MemoryMiB: 512, CPUs: 1, Impact: lab.ImpactLow,
		NICs: []lab.NIC{nic(office, "", 4)},
	}
	web.DependsOn = []*lab.Machine{db}
	return &lab.Lab{
		Name: "dental", Client: `Harbour "Dental" <&>`,
		Images: []*lab.Image{server, desktop}, Networks: []*lab.Network{office, dmz},
		Machines: []*lab.Machine{web, db, desk},
		Patches: []*lab.Patch{
			{Name: "all", Kind: lab.PatchDeb, Files: []string{"/p/a.deb", "/p/b.deb"}, Targets: []*lab.Machine{web, db, desk}, Reboot: lab.RebootAuto},
			{Name: "fix", Kind: lab.PatchScript, Script: "/p/fix.sh", Targets: []*lab.Machine{desk}, Reboot: lab.RebootNever},
		},
		Checks: []*lab.Check{
			{Name: "page", From: desk, Severity: lab.Critical, Spec: &lab.HTTPCheck{}},
			{Name: "ping", FromNet: office, Severity: lab.Warning, Spec: &lab.TCPCheck{}},
		},
	}
}

func TestPlan(t *testing.T) {
	p := lab.NewPlan(dental())
	var tree bytes.Buffer
	if err := p.WriteTree(&tree); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.txt", tree.Bytes())
	js, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.json", append(js, '\n'))
	if p.MemoryMiB != 2048 || p.DiskMaxMiB != 4096*2+1536 || !slices.Equal(p.DiskUnknown, []string{"desk"}) {
		t.Errorf("needs: %d MiB memory, %d MiB disk, unknown %v", p.MemoryMiB, p.DiskMaxMiB, p.DiskUnknown)
	}
}

func TestPlanListsAreNeverNull(t *testing.T) {
	js, err := json.Marshal(lab.NewPlan(&lab.Lab{Name: "empty"}))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(js, []byte("null")) {
		t.Errorf("null in %s", js)
	}
}

func TestGraphs(t *testing.T) {
	l := dental()
	l.Networks[1].Name = "weird\"]\n --> `x` \\#"
	for name, write := range map[string]func(*bytes.Buffer) error{
		"graph.dot":     func(b *bytes.Buffer) error { return lab.WriteDOT(b, l) },
		"graph.mermaid": func(b *bytes.Buffer) error { return lab.WriteMermaid(b, l) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

// failing is a writer that never writes.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestWritersReportErrors(t *testing.T) {
	full := failing{errors.New("disk full")}
	for name, err := range map[string]error{
		"tree":    lab.NewPlan(dental()).WriteTree(full),
		"dot":     lab.WriteDOT(full, dental()),
		"mermaid": lab.WriteMermaid(full, dental()),
	} {
		if !errors.Is(err, full.err) {
			t.Errorf("%s: error %v, want one that wraps %v", name, err, full.err)
		}
	}
}

func TestBootOrder(t *testing.T) {
	a, b, c, d := &lab.Machine{Name: "a"}, &lab.Machine{Name: "b"}, &lab.Machine{Name: "c"}, &lab.Machine{Name: "d"}
	a.DependsOn = []*lab.Machine{c, d} // declared before what it needs
	c.DependsOn = []*lab.Machine{d}
	got := lab.BootOrder(&lab.Lab{Machines: []*lab.Machine{a, b, c, d}})
	if diff := cmp.Diff([][]string{{"b", "d"}, {"c"}, {"a"}}, names(got)); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
}

func TestBootOrderPanicsOnCycle(t *testing.T) {
	a, b := &lab.Machine{Name: "a"}, &lab.Machine{Name: "b"}
	a.DependsOn, b.DependsOn = []*lab.Machine{b}, []*lab.Machine{a}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	lab.BootOrder(&lab.Lab{Machines: []*lab.Machine{a, b}})
}

func TestWaves(t *testing.T) {
	m := func(name string, i lab.Impact) *lab.Machine { return &lab.Machine{Name: name, Impact: i} }
	p := &lab.Patch{Targets: []*lab.Machine{
		m("h1", lab.ImpactHigh), m("l1", lab.ImpactLow), m("h2", lab.ImpactHigh), m("l2", lab.ImpactLow),
	}}
	if diff := cmp.Diff([][]string{{"l1", "l2"}, {"h1", "h2"}}, names(lab.Waves(p))); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
}

func names(waves [][]*lab.Machine) [][]string {
	var out [][]string
	for _, w := range waves {
		var names []string
		for _, m := range w {
			names = append(names, m.Name)
		}
		out = append(out, names)
	}
	return out
}
