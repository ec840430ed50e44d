package agent

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab/network"
)

func goodSpec() *Spec {
	return &Spec{
		ID: "0badcafe", Lab: "dental", Dir: "/d/i", RunDir: "/run/i", CacheDir: "/c", Accel: AccelTCG,
		Networks: []network.Config{{Name: "office", Subnet: netip.MustParsePrefix("10.0.0.0/24")}},
		Machines: []MachineSpec{{
			Name: "a", UUID: "6f1d3c5a-0000-4000-8000-000000000001", MemoryMiB: 1, CPUs: 1, Disks: []DiskSpec{{Path: "/d/a"}},
			NICs:          []NICSpec{{Network: "office", MAC: network.MAC{2, 0, 0, 0, 0, 1}, Socket: "/run/i/n"}},
			ConsoleSocket: "/run/i/c",
		}},
	}
}

func TestSpecCheck(t *testing.T) {
	if err := goodSpec().Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		harm func(*Spec)
		want string
	}{
		{"relative dir", func(s *Spec) { s.Dir = "i" }, `dir "i" is not a clean absolute path`},
		{"root as run dir", func(s *Spec) { s.RunDir = "/" }, `run_dir "/" is not`},
		{"unclean cache dir", func(s *Spec) { s.CacheDir = "/a/../b" }, `cache_dir`},
		{"long run dir", func(s *Spec) { s.RunDir = "/" + strings.Repeat("r", 60) }, "bytes too long"},
		{"accel", func(s *Spec) { s.Accel = "fast" }, `accel "fast"`},
		{"two of a name", func(s *Spec) { s.Machines = append(s.Machines, s.Machines[0]) }, "used twice"},
		{"no memory", func(s *Spec) { s.Machines[0].MemoryMiB = 0 }, "0 MiB"},
		{"no disk", func(s *Spec) { s.Machines[0].Disks = nil }, "has no disk"},
		{"network", func(s *Spec) { s.Machines[0].NICs[0].Network = "lan" }, `unknown network "lan"`},
		{"mac", func(s *Spec) { s.Machines[0].NICs[0].MAC = nil }, "without a MAC"},
		{"ram", func(s *Spec) { s.Machines[0].RAM = &RAMSpec{Path: "a.ram"} }, `ram path "a.ram"`},
		{"state", func(s *Spec) { s.Machines[0].State = "a.state" }, `state path "a.state"`},
		{"socket", func(s *Spec) { s.Machines[0].ConsoleSocket = "/" + strings.Repeat("s", 107) }, "longer than 107"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := goodSpec()
			c.harm(s)
			if err := s.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestMachineOfArgs(t *testing.T) {
	s := goodSpec()
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"ours", []string{"qemu", "-uuid", "6F1D3C5A-0000-4000-8000-000000000001", "-x", "path=/run/i/n"}, "a"},
		{"same machine of another instance", []string{"qemu", "-uuid", "6f1d3c5a-0000-4000-8000-000000000001", "-x", "path=/run/i2/n"}, ""},
		{"another machine with our path", []string{"qemu", "-uuid", "6f1d3c5a-0000-4000-8000-000000000002", "/run/i/n"}, ""},
		{"no uuid", []string{"less", "/run/i/n"}, ""},
		{"uuid without value", []string{"qemu", "/run/i/n", "-uuid"}, ""},
		{"none", nil, ""},
	} {
		if got := s.machineOfArgs(c.args); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
