package patch

import (
	"errors"
	"strings"
	"testing"
)

func check(b string) error { return checkDeb(strings.NewReader(b), int64(len(b))) }

func TestCheckDeb(t *testing.T) {
	good := testDeb(t)
	if err := check(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, data, want string }{
		{"empty", "", errNotDeb.Error()},
		{"a script", "#!/bin/sh\n", errNotDeb.Error()},
		{"only the magic", arMagic, "no member control.tar"},
		{"another archive", strings.Replace(good, "debian-binary", "hello.o      ", 1), errNotDeb.Error()},
		{"another format", strings.Replace(good, "2.0\n", "3.0\n", 1), "another package format"},
		{"damaged header", strings.Replace(good, "`\n", "xx", 1), "header is damaged"},
		{"size is no number", strings.Replace(good, "4         `", "4x        `", 1), "size is no number"},
		{"no data", strings.Replace(good, "data.tar", "dada.tar", 1), "no member data.tar"},
		{"more promised than there is", strings.Replace(good, "4         `", "4000000   `", 1), "truncated"},
	} {
		if err := check(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

// TestCheckDebTruncated cuts a real package at every byte.
func TestCheckDebTruncated(t *testing.T) {
	good := testDeb(t)
	// The last byte may be padding, which carries nothing.
	for n := range len(good) - 1 {
		if err := check(good[:n]); err == nil {
			t.Fatalf("cut to %d of %d bytes it is taken for whole", n, len(good))
		}
	}
}

func FuzzDeb(f *testing.F) {
	good := testDeb(f)
	f.Add(good)
	f.Add(good[:100])
	f.Add(arMagic)
	f.Add(arMagic + strings.Repeat(" ", 48) + "18446744073709551615`\n")
	f.Add(arMagic + strings.Repeat(" ", 48) + "1099511627775`\n")
	f.Fuzz(func(t *testing.T, b string) {
		err := check(b)
		looksRight := strings.HasPrefix(b, arMagic) && strings.Contains(b, "debian-binary") && strings.Contains(b, "data.tar")
		if err == nil && !looksRight {
			t.Fatal("taken for a package")
		}
		if errors.Is(err, errNotDeb) && len(b) > 200 && b == good {
			t.Fatal("not recognised")
		}
	})
}
