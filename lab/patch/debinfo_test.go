package patch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// packed makes a package whose control.tar is packed as suffix says.
func packed(t *testing.T, suffix string, pack func(io.Writer) (io.WriteCloser, error), control string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := pack(&b)
	if err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(w)
	for _, f := range []struct{ name, text string }{{"./md5sums", "x"}, {"./control", control}} {
		if err := tw.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(tw, f.text)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archived(t, "control.tar"+suffix, b.String())
}

// archived makes a package with one member that matters.
func archived(t *testing.T, member, content string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(arMagic)
	for _, m := range [][2]string{{"debian-binary", "2.0\n"}, {member, content}, {"data.tar", ""}} {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d%s%s", m[0], 0, 0, 0, "100644", len(m[1]), arEnd, m[1])
		if len(m[1])%2 == 1 {
			b.WriteByte('\n')
		}
	}
	name := filepath.Join(t.TempDir(), "x.deb")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

type plainPack struct{ io.Writer }

func (plainPack) Close() error { return nil }

// packings are the ways to pack that dpkg has.
var packings = map[string]func(io.Writer) (io.WriteCloser, error){
	"":     func(w io.Writer) (io.WriteCloser, error) { return plainPack{w}, nil },
	".gz":  func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	".xz":  func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
	".zst": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
}

const control = `Package: libapache2-mod-php8.2
Source: php8.2
Version: 1:8.2.31-1~deb12u1
Architecture: amd64
Depends: libc6 (>= 2.36), mime-support | media-types, php-common:any (>= 1:7.0),
 apache2 [amd64] <!nocheck>, libc6 (<< 3)
Pre-Depends: dpkg (>= 1.17)
Breaks: php7-cgi (<< 2)
Conflicts: Bad_Name (<< 1), enemy, other(<= 3)
Provides: libapache2-mod-php (= 1), phpapi-1
Description: a module
 Depends: nothing
 .
 more
`

func TestReadDebInfo(t *testing.T) {
	want := DebInfo{
		Name: "libapache2-mod-php8.2", Version: "1:8.2.31-1~deb12u1", Arch: "amd64",
		Depends:  []string{"dpkg", "libc6", "mime-support", "media-types", "php-common", "apache2"},
		Breaks:   []string{"php7-cgi", "other"},
		Provides: []string{"libapache2-mod-php", "phpapi-1"},
	}
	for suffix, pack := range packings {
		got, err := ReadDebInfo(packed(t, suffix, pack, control))
		if err != nil {
			t.Errorf("%q: %v", suffix, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", suffix, diff)
		}
	}
}

// What xz itself makes has sizes in its block header when it works in threads.
func TestUnxzWithSizes(t *testing.T) {
	const text = "/Td6WFoAAATm1rRGBMAaFiEBFgAAAAAAAAAAAByqO3QBABVXaGF0IHh6IGl0c2VsZiBtYWtlcy4KAAAA" +
		"2jOPMjEPmd0AATYWD5FOXR+2830BAAAAAARZWg=="
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := unxz(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "What xz itself makes.\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A package that dpkg-deb made.
func TestReadDebInfoOfDpkg(t *testing.T) {
	got, err := ReadDebInfo("../../examples/dental/patches/good/harbour-booking_1.1_all.deb")
	if err != nil || got.Name != "harbour-booking" || got.Version != "1.1" || got.Arch != "all" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReadDebInfoHostile(t *testing.T) {
	huge := "Package: aa\nVersion: 1\nDescription: " + strings.Repeat("x", maxControlFile)
	for _, tt := range []struct{ name, path, want string }{
		{"no package", packed(t, "", packings[""], "Version: 1\n"), "names no package"},
		{"no field", packed(t, "", packings[""], "what is this\n"), "no field"},
		{"a bomb", packed(t, ".gz", packings[".gz"], huge), "too large"},
		{"unknown packing", archived(t, "control.tar.bz2", "BZh9"), "unknown way"},
		{"no gzip", archived(t, "control.tar.gz", "hello"), ""},
		{"no xz", archived(t, "control.tar.xz", "hello"), "no xz"},
		{"no zstd", archived(t, "control.tar.zst", "hello hello"), ""},
		{"no tar", archived(t, "control.tar", strings.Repeat("x", 1024)), "damaged"},
		{"empty", archived(t, "control.tar", ""), "no control file"},
		{"not there", "/nonexistent.deb", "no such file"},
		{"4 GiB of memory", archived(t, "control.tar.xz", "\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F"+"\x02\x00!\x01\x28\x00\x00\x00\x00\x00\x00\x00"), "4294967295 bytes of memory"},
		{"another filter", archived(t, "control.tar.xz", "\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F"+"\x02\x01!\x01\x16\x00\x00\x00\x00\x00\x00\x00"), "no xz"},
	} {
		if _, err := ReadDebInfo(tt.path); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q in it", tt.name, err, tt.want)
		}
	}
}

func TestDebNeeds(t *testing.T) {
	lib := DebInfo{Name: "libssl3", Provides: []string{"libssl"}}
	for _, tt := range []struct {
		info DebInfo
		want bool
	}{
		{DebInfo{Name: "curl", Depends: []string{"libc6", "libssl3"}}, true},
		{DebInfo{Name: "curl", Depends: []string{"libssl"}}, true},
		{DebInfo{Name: "curl", Breaks: []string{"libssl3"}}, true},
		{DebInfo{Name: "curl", Depends: []string{"libssl4"}}, false},
		{DebInfo{Name: "libssl3", Depends: []string{"libssl3"}}, false},
	} {
		if got := tt.info.Needs(lib); got != tt.want {
			t.Errorf("%+v needs it: %v", tt.info, got)
		}
	}
}

func FuzzReadControl(f *testing.F) {
	for suffix := range packings {
		f.Add([]byte(control), suffix)
	}
	f.Add([]byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F\x02\x00!\x01\x16\x00\x00\x00\x00\x00\x00\x00"), ".xz")
	f.Fuzz(func(_ *testing.T, b []byte, suffix string) {
		text, err := readControl(bytes.NewReader(b), suffix)
		if err == nil {
			_, _ = parseControl(text)
		}
		_, _ = parseControl(string(b))
	})
}
