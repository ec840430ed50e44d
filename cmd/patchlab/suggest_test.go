package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/suggest"
)

// scene is an instance of a lab, every machine of which has the same to show.
type scene struct {
	m    *lab.Machine
	text string
}

func (s scene) Guest(m *lab.Machine) lab.Guest  { return sceneGuest{scene: scene{m, s.text}} }
func (s scene) Gateway(*lab.Network) lab.Dialer { return sceneGuest{} }

type sceneGuest struct {
	lab.Guest
	scene
}

func (g sceneGuest) Machine() *lab.Machine { return g.m }

func (g sceneGuest) Run(_ context.Context, c lab.Command) (lab.Output, error) {
	if strings.Contains(c.Shell, "== units") {
		return lab.Output{Stdout: []byte(g.text)}, nil
	}
	return lab.Output{Stdout: []byte("public.\"odd ${name}\"\n")}, nil
}

func (g sceneGuest) DialContext(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("nobody listens")
}

// yes passes every check.
type yes struct{}

func (yes) RunCheck(_ context.Context, c *lab.Check, _ lab.Place) lab.CheckResult {
	return lab.CheckResult{Passed: true, Message: "saw ${it} # of " + c.Name}
}

const sceneText = `== units
apache2.service loaded active running Apache
postgresql@15-main.service loaded active running PostgreSQL
== enabled
apache2.service enabled enabled
== tcp
0: 00000000:0050 00000000:0000 0A
0: 00000000:0019 00000000:0000 0A
0: 00000000:008F 00000000:0000 0A
0: 00000000:03E1 00000000:0000 0A
== mounts
/dev/vda1 / ext4 rw 0 0
== mysql
shop	orders
== postgres
booking %{if true}
`

// What is suggested can be put beside the definition: it loads, is what was
// suggested, and is not suggested again.
func TestSuggestedChecksLoad(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"lab.hcl": `lab "small" {}
image "empty" { source = "disk.raw" }
network "office" { subnet = "192.168.1.0/24" }
machine "web" {
  image = image.empty
  nic {
    network = network.office
    address = "192.168.1.10"
    names   = ["www"]
  }
}
machine "desk" {
  image = image.empty
  nic { network = network.office }
}
`,
		"disk.raw": "not a disk",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	a := &app{stdout: &out, stderr: &out}
	l, err := a.load(dir)
	if err != nil {
		t.Fatal(err)
	}
	found, err := suggest.Suggest(t.Context(), l, scene{text: sceneText}, yes{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "suggested.hcl")
	if err := a.writeChecks(l, found, file); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), fmt.Sprintf("suggested.hcl: %d checks", len(found))) || len(found) < 15 {
		t.Errorf("%d checks; it says %s", len(found), &out)
	}
	again, err := a.load(dir)
	if err != nil {
		a.exitCode(t.Context(), err)
		text, _ := os.ReadFile(file)
		t.Fatalf("%s\n%s", &out, text)
	}
	for i, s := range found {
		if diff := cmp.Diff(s.Check, again.Checks[i], cmpopts.IgnoreFields(lab.Check{}, "Pos", "From", "FromNet")); diff != "" {
			t.Errorf("%s (-suggested +loaded):\n%s", s.Check.Name, diff)
		}
	}
	more, err := suggest.Suggest(t.Context(), again, scene{text: sceneText}, yes{}, nil)
	if err != nil || len(more) > 0 {
		t.Errorf("%d are suggested again, %v", len(more), err)
		for _, s := range more {
			t.Log(s.Check.Name)
		}
	}
	if err := a.writeChecks(l, found, file); err == nil {
		t.Error("a file is written over")
	}
}
