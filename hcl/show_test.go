package hcl_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
)

// mistakes loads a definition that is expected to be wrong.
func mistakes(t *testing.T, src string) *hcl.Diagnostics {
	t.Helper()
	_, d := hcl.Load(write(t, map[string]string{"lab.hcl": src}), hcl.Options{})
	if !d.HasErrors() {
		t.Fatal("no mistake was found")
	}
	return d
}

func TestWriteWrapsDetails(t *testing.T) {
	d := mistakes(t, "lab \"x\" {\n  wibble = 1\n}\n")
	var narrow, wide strings.Builder
	if err := errors.Join(d.Write(&narrow, 40, false), d.Write(&wide, 0, false)); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(narrow.String()) {
		if !strings.HasPrefix(line, " ") && utf8.RuneCountInString(strings.TrimSpace(line)) > 40 {
			t.Errorf("line is too wide: %q", line)
		}
	}
	if !strings.Contains(wide.String(), `A lab block has no attribute "wibble". It has the attributes "client" and "description" and the blocks "retention" and "watch".`) {
		t.Errorf("unwrapped text:\n%s", wide.String())
	}
}

func TestWriteColours(t *testing.T) {
	d := mistakes(t, "lab \"x\" {\n  wibble = 1\n}\n")
	var plain, coloured strings.Builder
	if err := errors.Join(d.Write(&plain, 80, false), d.Write(&coloured, 80, true)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(coloured.String(), "\x1b[31m") {
		t.Errorf("plain %q\ncoloured %q", plain.String(), coloured.String())
	}
}

// TestWriteIsHarmless shows source text that would drive a terminal.
func TestWriteIsHarmless(t *testing.T) {
	d := mistakes(t, "lab \"x\" {\n\tclient = \"\x1b[2J\x07\u202e\" + 1\n}\n")
	for _, r := range d.Error() {
		if r != '\n' && (r < ' ' || r == 0x7f || r == '\u202e') {
			t.Fatalf("a control character is shown: %q", d.Error())
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteReportsErrors(t *testing.T) {
	if err := mistakes(t, "x = 1").Write(failing{}, 80, false); err == nil {
		t.Error("no error")
	}
}

// TestShortSecretsAreMasked has a secret too short to be replaced in texts.
func TestShortSecretsAreMasked(t *testing.T) {
	d := mistakes(t, "variable \"pin\" {\n  sensitive = true\n  type = map(string)\n  default = \"ZQ\"\n}\n")
	if strings.Contains(d.Error(), "ZQ") {
		t.Errorf("the secret is shown:\n%s", d.Error())
	}
}

// TestManyMACs derives more MAC addresses than fit without collisions.
func TestManyMACs(t *testing.T) {
	dir := writeLab(t, 4000)
	first, d := hcl.Load(dir, hcl.Options{})
	if d.HasErrors() {
		t.Fatal(d)
	}
	second, _ := hcl.Load(dir, hcl.Options{})
	seen := map[string]bool{}
	for i, m := range first.Machines {
		mac := m.NICs[0].MAC.String()
		if seen[mac] || !strings.HasPrefix(mac, "52:54:00:") {
			t.Fatalf("machine %s has %s, which is taken or of another vendor", m.Name, mac)
		}
		seen[mac] = true
		if other := second.Machines[i].NICs[0].MAC.String(); other != mac {
			t.Fatalf("machine %s has %s and then %s", m.Name, mac, other)
		}
	}
}

// TestOrderIsOfTheDefinition has blocks refer to later ones.
func TestOrderIsOfTheDefinition(t *testing.T) {
	l := load(t, `
locals { result = machine.z.address }
machine "a" {
  image = image.i
  nic {
    network = network.n
    address = cidrhost("10.0.0.0/24", tonumber(split(".", machine.z.address)[3]) + 1)
  }
}
machine "y" {
  image = image.i
  nic { network = network.n }
}
machine "z" {
  image = image.i
  nic {
    network = network.n
    address = "10.0.0.9"
  }
}
`, hcl.Options{})
	var got []string
	for _, m := range l.Machines {
		got = append(got, m.Name)
	}
	if fmt.Sprint(got) != "[m a y z]" {
		t.Errorf("machines %v, want those of the definition in order", got)
	}
	if a := l.Machines[1].NICs[0].Address.String(); a != "10.0.0.10" {
		t.Errorf("address of a is %s, want the one after z's", a)
	}
	lab.BootOrder(l)
}
