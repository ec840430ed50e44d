package snapshots

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/patchlab/patchlab/lab"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	// A fuzzing worker is this binary, too, and is given flags.
	if os.Getenv(helperVariable) != "" && !strings.HasPrefix(os.Args[1], "-") {
		os.Exit(helper(os.Args[1:]))
	}
	// From here on this binary is started again only to be a helper.
	if err := os.Setenv(helperVariable, strconv.Itoa(os.Getpid())); err != nil {
		panic(err)
	}
	// Tests that wait for processes go on side by side, whatever the number
	// of processors is.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// golden compares got with a file below testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// fakeTools stands for the host's programs: it makes files where they would.
type fakeTools struct {
	mu    sync.Mutex
	calls []string                  // name and first argument
	fail  func(t Tool) error        // nil: nothing fails
	hook  func(ctx context.Context) // called in mmdebstrap; nil: nothing
	info  string                    // what qemu-img info prints
	panic bool                      // the finishing boot never reaches its end
}

const (
	fakeInfo    = `{"format": "qcow2", "virtual-size": 4294967296}`
	fakeTargets = "mirror+file:/etc/m|bookworm|bookworm|Debian|main|Packages|amd64\n"
)

func (f *fakeTools) Run(ctx context.Context, t Tool) error {
	f.mu.Lock()
	f.calls = append(f.calls, t.Name+" "+t.Args[0])
	f.mu.Unlock()
	if f.fail != nil {
		if err := f.fail(t); err != nil {
			_, _ = io.WriteString(t.Stderr, "E: it broke\n")
			return err
		}
	}
	switch t.Name {
	case "apt-get":
		_, err := io.WriteString(t.Stdout, fakeTargets)
		return err
	case "mmdebstrap":
		if f.hook != nil {
			f.hook(ctx)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := t.Stdin.WriteAt([]byte("root file system"), rootStartMiB<<20)
		return err
	case "sfdisk":
		return nil
	case "qemu-system-x86_64":
		return f.boot(t)
	case "qemu-img":
		return f.img(t)
	}
	return fmt.Errorf("unexpected program %s", t.Name)
}

// boot writes what the finishing boot writes to its console.
func (f *fakeTools) boot(t Tool) error {
	args := strings.Join(t.Args, " ")
	_, console, _ := strings.Cut(args, "-serial file:")
	console, _, _ = strings.Cut(console, " ")
	_, token, _ := strings.Cut(args, "TOKEN=")
	text := "grub-install done\npatchlab-finish " + token + " 0\n"
	if f.panic {
		text = "Kernel panic - not syncing\n"
	}
	return os.WriteFile(console, []byte(text), 0o600)
}

func (f *fakeTools) img(t Tool) error {
	last := t.Args[len(t.Args)-1]
	switch t.Args[0] {
	case "info":
		info := f.info
		if info == "" {
			info = fakeInfo
		}
		_, err := io.WriteString(t.Stdout, info)
		return err
	case "convert":
		return os.WriteFile(last, []byte("qcow2 of "+filepath.Base(t.Args[len(t.Args)-2])), 0o600)
	case "create":
		for _, a := range t.Args {
			if strings.HasSuffix(a, ".qcow2") && filepath.Base(a) != imageDisk {
				return os.WriteFile(a, []byte(strings.Join(t.Args, " ")), 0o600)
			}
		}
	}
	return fmt.Errorf("unexpected arguments %v", t.Args)
}

// count returns how often a call was made, by its beginning.
func (f *fakeTools) count(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if strings.HasPrefix(c, call) {
			n++
		}
	}
	return n
}

// steps records what is shown.
type steps struct {
	mu    sync.Mutex
	texts []string
	saw   chan string // may be nil
}

func (s *steps) Step(text string) {
	s.mu.Lock()
	s.texts = append(s.texts, text)
	s.mu.Unlock()
	if s.saw != nil {
		s.saw <- text
	}
}

func (*steps) Bytes(int64, int64) {}

var testTime = time.Date(2026, 3, 14, 3, 0, 0, 0, time.UTC)

// testStore is a store of an ordinary user with much memory and disk.
func testStore(t *testing.T) (*Store, *fakeTools) {
	t.Helper()
	tools := &fakeTools{}
	return storeAt(t, t.TempDir(), tools), tools
}

func storeAt(t *testing.T, base string, tools Runner) *Store {
	t.Helper()
	// Not below t.TempDir(): the paths of sockets are short of bytes.
	runtime, err := os.MkdirTemp("/tmp", "pl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(runtime) })
	s := &Store{
		run:      tools,
		accel:    func() (string, error) { return "tcg", nil },
		now:      func() time.Time { return testTime },
		mem:      func() (memory, error) { return memory{TotalMiB: 16384, AvailableMiB: 8192}, nil },
		free:     func(string) (uint64, error) { return 100 << 30, nil },
		treeBase: t.TempDir(),
		held:     map[string]*journal{},
	}
	if s, err = s.at(filepath.Join(base, "home"), runtime); err != nil {
		t.Fatal(err)
	}
	return s
}

func testBuild() *lab.Build {
	return &lab.Build{Distro: "debian", Release: "bookworm", Packages: []string{"apache2"}, Pockets: []string{"release"}, DiskMiB: 4096}
}

func testImage() *lab.Image {
	return &lab.Image{Name: "server", OS: lab.Linux, Build: testBuild()}
}

// testLab has two machines: one with everything, one with little.
func testLab() *lab.Lab {
	img := testImage()
	office := &lab.Network{
		Name: "office", Domain: "harbour.lan", MTU: 1500, Routed: true,
		Subnet: netip.MustParsePrefix("192.168.1.0/24"), Gateway: netip.MustParseAddr("192.168.1.1"),
	}
	back := &lab.Network{
		Name: "back", Domain: "back.lab", MTU: 9000,
		Subnet: netip.MustParsePrefix("10.0.0.0/24"), Gateway: netip.MustParseAddr("10.0.0.1"),
	}
	nic := func(n *lab.Network, mac byte, addr string, names ...string) lab.NIC {
		return lab.NIC{Network: n, MAC: net.HardwareAddr{0x52, 0x54, 0, 0, 0, mac}, Address: netip.MustParseAddr(addr), Names: names}
	}
	web := &lab.Machine{
		Name: "web", Image: img, MemoryMiB: 512, CPUs: 2, Firmware: lab.BIOS, Bus: lab.BusVirtio, NICModel: lab.NICVirtio,
		NICs:  []lab.NIC{nic(office, 1, "192.168.1.10", "www"), nic(back, 2, "10.0.0.10")},
		Disks: []lab.Disk{{SizeMiB: 100}},
	}
	desk := &lab.Machine{
		Name: "desk", Image: img, MemoryMiB: 256, CPUs: 1, Firmware: lab.BIOS, Bus: lab.BusSATA, NICModel: lab.NICE1000e,
		NICs: []lab.NIC{{Network: office, MAC: net.HardwareAddr{0x52, 0x54, 0, 0, 0, 3}}},
	}
	return &lab.Lab{
		Name: "dental", Dir: "/labs/dental", Images: []*lab.Image{img},
		Networks: []*lab.Network{office, back}, Machines: []*lab.Machine{web, desk},
	}
}

// noTrace fails when anything is left of unfinished work.
func noTrace(t *testing.T, s *Store) {
	t.Helper()
	for _, pattern := range []string{
		filepath.Join(s.imagesDir(), ".*"), filepath.Join(s.treeBase, "*"),
		filepath.Join(s.labsDir(), "*", "instances", "*"), filepath.Join(s.labsDir(), "*", "instances", ".*"),
		filepath.Join(s.runtime, "*"), filepath.Join(s.journalDir(), "*"), filepath.Join(s.journalDir(), ".*"),
	} {
		left, err := filepath.Glob(pattern)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	}
}

var errBroken = errors.New("broken")
