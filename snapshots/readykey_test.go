package snapshots

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
)

var testHostKey = hostKey{Accel: "tcg", Memory: memoryFork, QEMU: "7.2.22 (Debian)", Salt: []byte("salt of this host")}

// shapedLab is a lab that has something of everything that shapes a ready
// state, with files on this host.
func shapedLab(t *testing.T) (*lab.Lab, map[*lab.Image]Image) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"schema.sql": "create table", "site/index.php": "<?php", "site/lib/a.php": "a"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := testLab()
	web, desk := l.Machines[0], l.Machines[1]
	web.DependsOn = []*lab.Machine{desk}
	web.BootTimeout = time.Minute
	web.Setup = &lab.Setup{
		Run: []string{"a2ensite x", "systemctl restart apache2"}, Timeout: time.Minute,
		Uploads: []lab.Upload{
			{Source: filepath.Join(dir, "schema.sql"), Dest: "/root/schema.sql"},
			{Source: filepath.Join(dir, "site"), Dest: "/var/www"},
		},
	}
	return l, map[*lab.Image]Image{l.Images[0]: {SHA256: strings.Repeat("a", 64)}}
}

func partsOf(t *testing.T, l *lab.Lab, images map[*lab.Image]Image, host hostKey) []Part {
	t.Helper()
	parts, err := readyParts(l, images, host)
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

func TestReadyParts(t *testing.T) {
	l, images := shapedLab(t)
	parts := partsOf(t, l, images, testHostKey)
	var names []string
	for _, p := range parts {
		names = append(names, p.Name)
		if len(p.Sum) != 64 {
			t.Errorf("sum of %s is %q", p.Name, p.Sum)
		}
	}
	want := []string{
		"QEMU", "SSH key", "accelerator", "image of desk", "image of web", "machine desk", "machine web", "memory method",
		"network back", "network office", "patchlab's format", "processor", "set-up of web",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	key := readyKey(parts)
	if len(key) != 64 {
		t.Errorf("key is %q", key)
	}
	again := partsOf(t, l, images, testHostKey)
	slices.Reverse(again)
	if readyKey(again) != key {
		t.Error("the key depends on chance, or on the order of parts")
	}
	other := testHostKey
	other.Salt = []byte("of another host")
	for i, p := range partsOf(t, l, images, other) {
		if p.Sum == parts[i].Sum {
			t.Errorf("the sum of %s can be guessed without the salt", p.Name)
		}
	}
}

// labField is a field of the model; how it shapes a ready state is shown by
// changing it.
type labField struct {
	change  func(l *lab.Lab)
	changed []string // parts; empty: the field shapes nothing
}

func changeWeb(f func(m *lab.Machine)) func(*lab.Lab) {
	return func(l *lab.Lab) { f(l.Machines[0]) }
}

func changeOffice(f func(n *lab.Network)) func(*lab.Lab) {
	return func(l *lab.Lab) { f(l.Networks[0]) }
}

var (
	webAlone  = []string{"machine web changed"}
	webSetup  = []string{"set-up of web changed"}
	office    = []string{"network office changed"}
	webOffice = []string{"machine web changed", "network office changed"}
	otherPos  = lab.Pos{File: "other.hcl", Line: 7}
)

// labFields has every field of every type of the model that a ready state is
// made of, so that a new one cannot be forgotten.
var labFields = map[string]labField{
	"Lab.Name":        {func(l *lab.Lab) { l.Name = "other" }, nil}, // each lab keeps its ready states apart
	"Lab.Client":      {func(l *lab.Lab) { l.Client = "other" }, nil},
	"Lab.Description": {func(l *lab.Lab) { l.Description = "other" }, nil},
	"Lab.Dir":         {func(l *lab.Lab) { l.Dir = "/other" }, nil},
	"Lab.Pos":         {func(l *lab.Lab) { l.Pos = otherPos }, nil},
	"Lab.Images":      {func(l *lab.Lab) { l.Images = append(l.Images, testImage()) }, nil}, // that no machine has
	"Lab.Networks": {func(l *lab.Lab) {
		l.Networks = append(l.Networks, &lab.Network{Name: "new", Subnet: netip.MustParsePrefix("10.9.0.0/24")})
	}, []string{"network new is new"}},
	"Lab.Machines": {func(l *lab.Lab) { l.Machines = l.Machines[:1] }, []string{
		"image of desk is gone", "machine desk is gone", "network office changed",
	}},
	"Lab.Patches": {func(l *lab.Lab) { l.Patches = []*lab.Patch{{Name: "p"}} }, nil},
	"Lab.Checks":  {func(l *lab.Lab) { l.Checks = []*lab.Check{{Name: "c"}} }, nil},
	// How long runs are kept says nothing of the machines.
	"Lab.Retain":  {func(l *lab.Lab) { l.Retain = &lab.Retention{Runs: 1} }, nil},
	"Lab.Secrets": {func(l *lab.Lab) { l.Secrets = []string{"hunter2"} }, nil},

	// What an image is made of shows in its content's hash.
	"Image.Name":   {func(l *lab.Lab) { l.Images[0].Name = "other" }, nil},
	"Image.Pos":    {func(l *lab.Lab) { l.Images[0].Pos = otherPos }, nil},
	"Image.OS":     {func(l *lab.Lab) { l.Images[0].OS = lab.Windows }, []string{"machine desk changed", "machine web changed"}},
	"Image.Build":  {func(l *lab.Lab) { l.Images[0].Build = nil }, nil},
	"Image.Source": {func(l *lab.Lab) { l.Images[0].Source = "/other" }, nil},
	"Image.SHA256": {func(l *lab.Lab) { l.Images[0].SHA256 = "other" }, nil},

	"Network.Name":    {changeOffice(func(n *lab.Network) { n.Name = "hall" }), []string{"machine desk changed", "machine web changed", "network hall is new", "network office is gone"}},
	"Network.Pos":     {changeOffice(func(n *lab.Network) { n.Pos = otherPos }), nil},
	"Network.Subnet":  {changeOffice(func(n *lab.Network) { n.Subnet = netip.MustParsePrefix("192.168.0.0/23") }), office},
	"Network.Gateway": {changeOffice(func(n *lab.Network) { n.Gateway = netip.MustParseAddr("192.168.1.254") }), office},
	"Network.Domain":  {changeOffice(func(n *lab.Network) { n.Domain = "other.lan" }), office},
	"Network.MTU":     {changeOffice(func(n *lab.Network) { n.MTU = 1400 }), office},
	"Network.Routed":  {changeOffice(func(n *lab.Network) { n.Routed = false }), office},

	"Machine.Name": {changeWeb(func(m *lab.Machine) { m.Name = "www" }), []string{
		"image of web is gone", "image of www is new", "machine web is gone", "machine www is new",
		"network back changed", "network office changed", "set-up of web is gone", "set-up of www is new",
	}},
	"Machine.Pos":         {changeWeb(func(m *lab.Machine) { m.Pos = otherPos }), nil},
	"Machine.Image":       {changeWeb(func(m *lab.Machine) { m.Image = &otherImage }), []string{"image of web changed"}},
	"Machine.MemoryMiB":   {changeWeb(func(m *lab.Machine) { m.MemoryMiB++ }), webAlone},
	"Machine.CPUs":        {changeWeb(func(m *lab.Machine) { m.CPUs++ }), webAlone},
	"Machine.DependsOn":   {changeWeb(func(m *lab.Machine) { m.DependsOn = nil }), webAlone},
	"Machine.Impact":      {changeWeb(func(m *lab.Machine) { m.Impact = lab.ImpactHigh }), nil},
	"Machine.Firmware":    {changeWeb(func(m *lab.Machine) { m.Firmware = lab.UEFI }), webAlone},
	"Machine.Bus":         {changeWeb(func(m *lab.Machine) { m.Bus = lab.BusSATA }), webAlone},
	"Machine.NICModel":    {changeWeb(func(m *lab.Machine) { m.NICModel = lab.NICE1000e }), webAlone},
	"Machine.NICs":        {changeWeb(func(m *lab.Machine) { m.NICs = m.NICs[:1] }), []string{"machine web changed", "network back changed"}},
	"Machine.Disks":       {changeWeb(func(m *lab.Machine) { m.Disks = nil }), webAlone},
	"Machine.Setup":       {changeWeb(func(m *lab.Machine) { m.Setup = nil }), []string{"set-up of web is gone"}},
	"Machine.BootTimeout": {changeWeb(func(m *lab.Machine) { m.BootTimeout++ }), nil},

	"Machine.Wave":  {changeWeb(func(m *lab.Machine) { m.Wave = 2 }), nil},
	"Machine.Watch": {changeWeb(func(m *lab.Machine) { m.Watch.Paths = []string{"/srv"} }), nil},

	"NIC.Pos": {changeWeb(func(m *lab.Machine) { m.NICs[0].Pos = otherPos }), nil},
	"NIC.Network": {changeWeb(func(m *lab.Machine) { m.NICs[0].Network = m.NICs[1].Network }), []string{
		"machine web changed", "network back changed", "network office changed",
	}},
	"NIC.Address": {changeWeb(func(m *lab.Machine) { m.NICs[0].Address = netip.Addr{} }), webOffice},
	"NIC.MAC":     {changeWeb(func(m *lab.Machine) { m.NICs[0].MAC = net.HardwareAddr{2, 0, 0, 0, 0, 1} }), webOffice},
	"NIC.Names":   {changeWeb(func(m *lab.Machine) { m.NICs[0].Names = []string{"mail"} }), webOffice},

	"Disk.Pos":     {changeWeb(func(m *lab.Machine) { m.Disks[0].Pos = otherPos }), nil},
	"Disk.SizeMiB": {changeWeb(func(m *lab.Machine) { m.Disks[0].SizeMiB++ }), webAlone},

	"Setup.Pos":     {changeWeb(func(m *lab.Machine) { m.Setup.Pos = otherPos }), nil},
	"Setup.Uploads": {changeWeb(func(m *lab.Machine) { slices.Reverse(m.Setup.Uploads) }), webSetup},
	"Setup.Run":     {changeWeb(func(m *lab.Machine) { slices.Reverse(m.Setup.Run) }), webSetup},
	"Setup.Timeout": {changeWeb(func(m *lab.Machine) { m.Setup.Timeout++ }), nil}, // one that was too short makes no ready state

	// The place of a file on this host is nothing, its content is all.
	"Upload.Source": {changeWeb(func(m *lab.Machine) {
		old := m.Setup.Uploads[0].Source
		m.Setup.Uploads[0].Source = old + ".moved"
		_ = os.Rename(old, old+".moved")
	}), nil},
	"Upload.Dest": {changeWeb(func(m *lab.Machine) { m.Setup.Uploads[0].Dest = "/root/other.sql" }), webSetup},
}

var otherImage = lab.Image{Name: "other", OS: lab.Linux}

func TestReadyPartsKnowTheModel(t *testing.T) {
	known := map[string]bool{}
	for _, v := range []any{lab.Lab{}, lab.Image{}, lab.Network{}, lab.Machine{}, lab.NIC{}, lab.Disk{}, lab.Setup{}, lab.Upload{}} {
		typ := reflect.TypeOf(v)
		for f := range typ.Fields() {
			name := typ.Name() + "." + f.Name
			known[name] = true
			if _, ok := labFields[name]; !ok {
				t.Errorf("%s is new: say in readykey.go whether it shapes a ready state, and show it here", name)
			}
		}
	}
	for name, field := range labFields {
		t.Run(name, func(t *testing.T) {
			if !known[name] {
				t.Fatal("the model has no such field")
			}
			l, images := shapedLab(t)
			images[&otherImage] = Image{SHA256: strings.Repeat("b", 64)}
			before := partsOf(t, l, images, testHostKey)
			field.change(l)
			after := partsOf(t, l, images, testHostKey)
			if diff := cmp.Diff(field.changed, changedParts(before, after)); diff != "" {
				t.Errorf("changed parts (-want +got):\n%s", diff)
			}
			if same := readyKey(before) == readyKey(after); same != (len(field.changed) == 0) {
				t.Errorf("the same key: %v", same)
			}
		})
	}
}

func TestReadyPartsOfHost(t *testing.T) {
	l, images := shapedLab(t)
	before := partsOf(t, l, images, testHostKey)
	for want, change := range map[string]func(h *hostKey){
		"accelerator changed":   func(h *hostKey) { h.Accel = "kvm" },
		"memory method changed": func(h *hostKey) { h.Memory = memoryRestore },
		"QEMU changed":          func(h *hostKey) { h.QEMU = "8.0.0" },
		"processor changed":     func(h *hostKey) { h.CPU = "x" },
	} {
		host := testHostKey
		change(&host)
		if got := changedParts(before, partsOf(t, l, images, host)); !slices.Equal(got, []string{want}) {
			t.Errorf("changed: %q, want %q", got, want)
		}
	}
	for img := range images {
		images[img] = Image{SHA256: strings.Repeat("c", 64)}
	}
	want := []string{"image of desk changed", "image of web changed"}
	if got := changedParts(before, partsOf(t, l, images, testHostKey)); !slices.Equal(got, want) {
		t.Errorf("changed: %q, want %q", got, want)
	}
	if _, err := readyParts(l, nil, testHostKey); err == nil {
		t.Error("parts without images")
	}
	if _, err := readyParts(l, images, hostKey{}); err == nil {
		t.Error("parts without a salt")
	}
}

// What is waited for is a set.
func TestReadyPartsDependsOnOrder(t *testing.T) {
	l, images := shapedLab(t)
	third := *l.Machines[1]
	third.Name, third.NICs, third.DependsOn = "db", nil, nil
	l.Machines = append(l.Machines, &third)
	l.Machines[0].DependsOn = []*lab.Machine{l.Machines[1], &third}
	before := partsOf(t, l, images, testHostKey)
	slices.Reverse(l.Machines[0].DependsOn)
	if got := changedParts(before, partsOf(t, l, images, testHostKey)); len(got) > 0 {
		t.Errorf("changed: %q", got)
	}
}

func TestReadyPartsOfUploads(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(site string) error
		want   bool // whether the set-up changed
	}{
		"content":     {func(site string) error { return os.WriteFile(site+"/lib/a.php", []byte("b"), 0o600) }, true},
		"new file":    {func(site string) error { return os.WriteFile(site+"/b.php", nil, 0o600) }, true},
		"new folder":  {func(site string) error { return os.Mkdir(site+"/empty", 0o700) }, true},
		"renamed":     {func(site string) error { return os.Rename(site+"/lib/a.php", site+"/lib/b.php") }, true},
		"moved":       {func(site string) error { return os.Rename(site+"/lib/a.php", site+"/a.php") }, true},
		"executable":  {func(site string) error { return os.Chmod(site+"/index.php", 0o700) }, true},
		"other modes": {func(site string) error { return os.Chmod(site+"/index.php", 0o644) }, false}, // which no upload carries over
		"touched": {func(site string) error {
			return os.Chtimes(site+"/index.php", time.Unix(1, 0), time.Unix(1, 0))
		}, false},
		"link for a file": {func(site string) error {
			return errors.Join(os.Rename(site+"/index.php", site+"/../index.php"), os.Symlink("../index.php", site+"/index.php"))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l, images := shapedLab(t)
			before := partsOf(t, l, images, testHostKey)
			if err := tt.change(l.Machines[0].Setup.Uploads[1].Source); err != nil {
				t.Fatal(err)
			}
			if got := len(changedParts(before, partsOf(t, l, images, testHostKey))) > 0; got != tt.want {
				t.Errorf("changed: %v", got)
			}
		})
	}
}

func TestReadyPartsOfUnreadableUploads(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"missing":        func(dir string) error { return os.Remove(dir + "/schema.sql") },
		"named pipe":     func(dir string) error { return syscall.Mkfifo(dir+"/site/pipe", 0o600) },
		"dangling link":  func(dir string) error { return os.Symlink("nowhere", dir+"/site/link") },
		"link to folder": func(dir string) error { return os.Symlink("lib", dir+"/site/link") }, // which no upload follows
	} {
		t.Run(name, func(t *testing.T) {
			l, images := shapedLab(t)
			if err := change(filepath.Dir(l.Machines[0].Setup.Uploads[0].Source)); err != nil {
				t.Fatal(err)
			}
			var usage *lab.UsageError
			if _, err := readyParts(l, images, testHostKey); !errors.As(err, &usage) || !strings.Contains(err.Error(), `"web"`) {
				t.Errorf("error is %v, want a UsageError that names the machine", err)
			}
		})
	}
}

func TestProcessorKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cpuinfo")
	key := func(accel, text string) string {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := processorKey(accel, path)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	const one = "processor\t: 0\nmodel name\t: Xeon\ncpu MHz\t: 2000.1\nflags\t: fpu vmx\n\nprocessor\t: 1\nflags\t: fpu vmx\n"
	base := key("kvm", one)
	if got := key("tcg", one); got != "" {
		t.Errorf("under emulation: %q", got)
	}
	if got := key("kvm", strings.ReplaceAll(one, "2000.1", "3000.7")); got != base {
		t.Error("the clock's speed counts")
	}
	if got := key("kvm", strings.ReplaceAll(one, "vmx", "vmx avx")); got == base {
		t.Error("flags don't count")
	}
	if got := key("kvm", strings.ReplaceAll(one, "Xeon", "EPYC")); got == base {
		t.Error("the model doesn't count")
	}
	if _, err := processorKey("kvm", path+"-"); err == nil {
		t.Error("a processor was made up")
	}
}
