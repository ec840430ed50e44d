package agenttest

import (
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/network"
)

// Spec describes an instance with the machines "a" and "b" on the network
// "office". Its folders exist and are removed with the test; the disks do not
// exist.
func Spec(t testing.TB) *agent.Spec {
	t.Helper()
	// Short, as sockets' paths must be; t.TempDir has the test's name in it.
	dir, err := os.MkdirTemp("", "pl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // QEMU's user passes through
		t.Fatal(err)
	}
	s := &agent.Spec{
		ID: "0badcafe", Lab: "dental", LabDir: "/labs/dental", Arm: "patched", Accel: agent.AccelTCG,
		Dir: filepath.Join(dir, "i"), RunDir: filepath.Join(dir, "r"), CacheDir: filepath.Join(dir, "c"),
		Networks: []network.Config{{
			Name: "office", Subnet: netip.MustParsePrefix("192.168.1.0/24"), Gateway: netip.MustParseAddr("192.168.1.1"),
			Domain: "harbour.lan", MTU: 1500, Routed: true,
		}},
	}
	for i, name := range []string{"a", "b"} {
		m := machine(s, name, byte(i+1))
		s.Machines = append(s.Machines, m)
		s.Networks[0].Hosts = append(s.Networks[0].Hosts, network.Host{
			Machine: name, MAC: m.NICs[0].MAC, Address: netip.AddrFrom4([4]byte{192, 168, 1, byte(10 + i)}), Default: true,
		})
	}
	for _, d := range []string{s.Dir, s.RunDir, s.CacheDir} {
		if err := os.Mkdir(d, 0o711); err != nil { //nolint:gosec // as above
			t.Fatal(err)
		}
	}
	return s
}

func machine(s *agent.Spec, name string, n byte) agent.MachineSpec {
	return agent.MachineSpec{
		Name: name, UUID: "6f1d3c5a-0000-4000-8000-00000000000" + string('0'+rune(n)), OS: "linux",
		MemoryMiB: 64, CPUs: 1, Firmware: "bios", Bus: "virtio", NICModel: "virtio",
		Disks: []agent.DiskSpec{{Path: filepath.Join(s.Dir, name+".qcow2"), Format: "qcow2"}},
		NICs: []agent.NICSpec{{
			Network: "office", MAC: network.MAC{0x52, 0x54, 0, 0, 0, n}, Socket: filepath.Join(s.RunDir, name+"0.sock"),
		}},
		ConsoleSocket: filepath.Join(s.RunDir, name+".sock"), ConsoleLog: filepath.Join(s.Dir, name+".log"),
	}
}

// Listen serves the sockets of every machine of spec until the test ends, and
// drops what comes. Only a test without an agent needs it.
func Listen(t testing.TB, spec *agent.Spec) {
	t.Helper()
	owner, err := agent.QEMUOwner()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range spec.Machines {
		for _, path := range append([]string{m.ConsoleSocket}, m.NICs[0].Socket) {
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			if err := owner.Give(path, 0o600); err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				drain(l)
			}()
			t.Cleanup(func() {
				_ = l.Close()
				<-done
			})
		}
	}
}

func drain(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}()
	}
}
