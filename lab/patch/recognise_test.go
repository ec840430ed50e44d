package patch

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// testRPM is a real package: plabtest 1.0-1, noarch.
func testRPM(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "plabtest-1.0-1.noarch.rpm"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// put writes little-endian numbers of 16 (uint16), 32 (uint32) or 64 bits, or
// text, into b.
func put(b []byte, at int, value any) {
	switch v := value.(type) {
	case uint16:
		binary.LittleEndian.PutUint16(b[at:], v)
	case uint32:
		binary.LittleEndian.PutUint32(b[at:], v)
	case uint64:
		binary.LittleEndian.PutUint64(b[at:], v)
	case string:
		copy(b[at:], v)
	}
}

// makeCab is a cabinet of one folder with files of these names.
func makeCab(names ...string) string {
	list := ""
	for _, n := range names {
		list += strings.Repeat("\x00", cabFile) + n + "\x00"
	}
	data := "data of the folder"
	b := make([]byte, cabHeader+8, 1000)
	size := len(b) + len(list) + len(data)
	put(b, 0, cabMagic)
	put(b, 8, uint32(size))
	put(b, 16, uint32(len(b)))
	put(b, 24, uint16(0x0103))
	put(b, 26, uint16(1))
	put(b, 28, uint16(len(names)))
	put(b, cabHeader, uint32(len(b)+len(list)))
	return string(b) + list + data
}

// makeOLE is a compound file of a header, an allocation table, the root's
// directory, and a sector of data.
func makeOLE(class string) string {
	b := make([]byte, 512*4)
	put(b, 0, oleMagic)
	put(b, 26, uint16(3))
	put(b, 28, uint16(0xfffe))
	put(b, 30, uint16(9))
	put(b, 44, uint32(1)) // sectors of the table
	put(b, 48, uint32(1)) // first sector of the directory
	put(b, 76, uint32(0)) // first sector of the table
	for i := range 128 {
		put(b, 512+4*i, uint32(0xffffffff))
	}
	for i := range 3 {
		put(b, 512+4*i, uint32(0xfffffffe))
	}
	put(b, 1024, "R\x00o\x00o\x00t\x00 \x00E\x00n\x00t\x00r\x00y\x00")
	b[1024+66] = oleRootStorage
	put(b, 1024+80, class)
	return string(b)
}

// makePE is a 64-bit program with one section and a signature behind it.
func makePE(characteristics uint16) string {
	const optional = 240
	b := make([]byte, 512+256+64)
	put(b, 0, peMagic)
	put(b, 60, uint32(128))
	put(b, 128, "PE\x00\x00")
	put(b, 128+6, uint16(1))
	put(b, 128+20, uint16(optional))
	put(b, 128+22, characteristics)
	put(b, 152, uint16(0x20b))
	put(b, 152+108, uint32(16))
	put(b, 152+112+8*peCertificate, uint32(512+256))
	put(b, 152+112+8*peCertificate+4, uint32(64))
	put(b, 152+optional+16, uint32(256))
	put(b, 152+optional+20, uint32(512))
	return string(b)
}

// makeWim is an image file with its table of files and its description.
func makeWim() string {
	b := make([]byte, wimHeader+300)
	put(b, 0, wimMagic)
	put(b, 8, uint32(wimHeader))
	put(b, 40, uint16(1))
	put(b, 42, uint16(1))
	put(b, wimTable, uint64(100)|2<<56)
	put(b, wimTable+8, uint64(wimHeader))
	put(b, wimXML, uint64(200))
	put(b, wimXML+8, uint64(wimHeader+100))
	return string(b)
}

func samples(t testing.TB) map[lab.PatchKind][]string {
	return map[lab.PatchKind][]string{
		lab.PatchDeb:    {testDeb(t)},
		lab.PatchRPM:    {testRPM(t)},
		lab.PatchMSU:    {makeCab("WSUSSCAN.cab", "Windows10.0-KB5041160-x64.cab", "Windows10.0-KB5041160-x64.xml"), makeWim()},
		lab.PatchCAB:    {makeCab("update.mum", "update.cat")},
		lab.PatchMSI:    {makeOLE(msiClass)},
		lab.PatchMSP:    {makeOLE(mspClass)},
		lab.PatchEXE:    {makePE(2)},
		lab.PatchScript: {"#!/bin/sh\n"},
		"":              {"", "text", "PK\x03\x04", "!<arch>\nhello.o         0           0     0     644     0         `\n"},
	}
}

func TestRecognise(t *testing.T) {
	for want, list := range samples(t) {
		for _, content := range list {
			if got, err := recogniseFile(write(t, filepath.Join(t.TempDir(), "update.bin"), content)); got != want || err != nil {
				t.Errorf("%q is taken for %q, error %v; want %q", content[:min(8, len(content))], got, err, want)
			}
		}
	}
}

func TestRecogniseRefuses(t *testing.T) {
	lead := "\x00\x00\x00\x01"
	for _, c := range []struct{ name, content, want string }{
		{"a.rpm", "#!/bin/sh\n", "a script by its content, not a RPM package as its name says"},
		{"a.msu", makeCab("a.txt"), "a cabinet file (.cab) by its content, not a Windows update package"},
		{"a.msi", makeOLE(mspClass), "a Windows Installer patch (.msp) by its content"},
		{"a.deb", "hello", "no kind of patch by its content, not a Debian package"},
		{"a.msi", "", "no kind of patch"},
		{"src.rpm", testRPM(t)[:7] + "\x01" + testRPM(t)[8:], "it holds sources"},
		{"damaged.rpm", strings.Replace(testRPM(t), rpmHeaderMagic, "\x8e\xad\xe8\x02", 1), "the signature header is damaged"},
		{"huge.rpm", strings.Replace(testRPM(t), rpmHeaderMagic+"\x00\x00\x00\x00\x00\x00\x00", rpmHeaderMagic+"\x00\x00\x00\x00\xff\xff\xff", 1), "it is truncated: the signature header ends"},
		{"lead.rpm", rpmMagic + "\x03\x00" + lead, "it is truncated: the lead"},
		{"several.cab", func() string { b := []byte(makeCab("a")); put(b, 30, uint16(cabNext)); return string(b) }(), "one of several cabinets"},
		{"empty.cab", makeCab(), "it holds no file"},
		{"names.cab", strings.ReplaceAll(makeCab("update.mum"), "update.mum\x00data of the folder", "update.mumXdata of the folder"), "list of files is damaged"},
		{"mst", makeOLE(mstClass), "it is a transform"},
		{"doc", makeOLE(strings.Repeat("x", 16)), "neither a package nor a patch of Windows Installer"},
		{"lib", makePE(peLibrary), "it is a library"},
		{"dos", peMagic + strings.Repeat("\x00", 200), "a program for DOS"},
		{"table.wim", strings.Replace(makeWim(), "\x64", "\x00", 1), "no table of files"},
	} {
		_, err := recogniseFile(write(t, filepath.Join(t.TempDir(), c.name), c.content))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := recogniseFile(t.TempDir()); err == nil {
		t.Error("a folder is taken for a file")
	}
}

// TestRecogniseTruncated cuts a file of each form at every byte.
func TestRecogniseTruncated(t *testing.T) {
	for kind, list := range samples(t) {
		if kind == "" || kind == lab.PatchScript {
			continue
		}
		slack := map[lab.PatchKind]int{
			lab.PatchDeb: 1,   // padding
			lab.PatchMSI: 511, // of the last sector, which need not be whole
			lab.PatchMSP: 511,
		}[kind]
		for _, whole := range list {
			for n := 8; n < len(whole)-slack; n++ {
				if got, err := recogniseBytes(strings.NewReader(whole[:n]), int64(n)); err == nil && got != "" {
					t.Fatalf("%s cut to %d of %d bytes is taken for %q", kind, n, len(whole), got)
				}
			}
		}
	}
}

func TestSignedCab(t *testing.T) {
	signed := makeCab("update.mum") + "a signature of any length"
	if kind, err := recogniseBytes(strings.NewReader(signed), int64(len(signed))); kind != lab.PatchCAB || err != nil {
		t.Errorf("%q, %v", kind, err)
	}
}

func TestCheckKind(t *testing.T) {
	msu := write(t, filepath.Join(t.TempDir(), "x"), makeCab("wsusscan.cab"))
	if err := checkKind(lab.PatchCAB)(msu); err != nil {
		t.Errorf("a .msu is a cabinet: %v", err)
	}
	if err := checkKind(lab.PatchMSI)(msu); err == nil || !strings.Contains(err.Error(), "not a Windows Installer package") {
		t.Errorf("error %v", err)
	}
}

func FuzzRecognise(f *testing.F) {
	for _, list := range samples(f) {
		for _, s := range list {
			f.Add(s)
			f.Add(s[:len(s)/2])
		}
	}
	f.Add(rpmMagic + strings.Repeat("\xff", 200))
	f.Add(cabMagic + strings.Repeat("\xff", 200))
	f.Add(oleMagic + strings.Repeat("\xff", 600))
	f.Add(peMagic + strings.Repeat("\xff", 200))
	f.Add(wimMagic + strings.Repeat("\xff", 300))
	f.Fuzz(func(t *testing.T, s string) {
		kind, err := recogniseBytes(strings.NewReader(s), int64(len(s)))
		if kind == "" || err != nil {
			return
		}
		if !slices.ContainsFunc(forms(), func(f form) bool { return strings.HasPrefix(s, f.magic) }) {
			t.Fatalf("taken for %q", kind)
		}
	})
}
