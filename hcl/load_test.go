package hcl_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with a file beside a case.
func golden(t *testing.T, path, got string) {
	t.Helper()
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
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// caseOptions reads the options of a case: options.json, when it is there.
func caseOptions(t *testing.T, dir string) hcl.Options {
	t.Helper()
	var o hcl.Options
	src, err := os.ReadFile(filepath.Join(dir, "options.json"))
	if err != nil {
		return o
	}
	if err := json.Unmarshal(src, &o); err != nil {
		t.Fatal(err)
	}
	for i, f := range o.VarFiles {
		o.VarFiles[i] = filepath.Join(dir, f)
	}
	return o
}

// cases returns the directories below testdata/kind.
func cases(t *testing.T, kind string) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join("testdata", kind, "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases in testdata/%s: %v", kind, err)
	}
	return dirs
}

// TestInvalid loads each definition with mistakes, and compares what is said.
func TestInvalid(t *testing.T) {
	for _, dir := range cases(t, "invalid") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			l, d := hcl.Load(dir, caseOptions(t, dir))
			if l != nil || !d.HasErrors() {
				t.Fatalf("no mistake was found")
			}
			var b strings.Builder
			if err := d.Write(&b, 100, false); err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(b.String(), absolute(t, dir), "DIR")
			golden(t, filepath.Join(dir, "want.txt"), got)
			if secret := "hunter2"; strings.Contains(got, secret) || strings.Contains(d.Error(), secret) {
				t.Errorf("a secret is shown:\n%s", got)
			}
			_, again := hcl.Load(dir, caseOptions(t, dir))
			if diff := cmp.Diff(d.All(), again.All()); diff != "" {
				t.Errorf("the order is not stable:\n%s", diff)
			}
		})
	}
}

// TestValid loads each definition without mistakes, and compares the lab.
func TestValid(t *testing.T) {
	for _, dir := range cases(t, "valid") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			l, d := hcl.Load(dir, caseOptions(t, dir))
			if d.HasErrors() {
				t.Fatal(d)
			}
			lab.BootOrder(l) // panics where the lab is not valid
			golden(t, filepath.Join(dir, "want.json"), strings.ReplaceAll(dump(t, l), absolute(t, dir), "DIR"))
		})
	}
}

func absolute(t *testing.T, dir string) string {
	t.Helper()
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// dump writes a lab as JSON, with references as names.
func dump(t *testing.T, l *lab.Lab) string {
	t.Helper()
	flat := *l
	flat.Machines, flat.Patches, flat.Checks = nil, nil, nil
	out := map[string]any{"Lab": flat}
	var machines, patches, checks []any
	for _, m := range l.Machines {
		c := *m
		c.Image, c.DependsOn, c.NICs = nil, nil, nil
		var nics []any
		for _, n := range m.NICs {
			nics = append(nics, map[string]any{
				"Network": n.Network.Name, "Address": n.Address, "MAC": n.MAC.String(), "Names": n.Names, "Line": n.Pos.Line,
			})
		}
		machines = append(machines, map[string]any{"Machine": c, "Image": m.Image.Name, "DependsOn": names(m.DependsOn), "NICs": nics})
	}
	for _, p := range l.Patches {
		c := *p
		c.Targets = nil
		patches = append(patches, map[string]any{"Patch": c, "Targets": names(p.Targets)})
	}
	for _, k := range l.Checks {
		c := *k
		c.From, c.FromNet = nil, nil
		checks = append(checks, map[string]any{"Check": c, "From": k.Place(), "Kind": k.Spec.Kind()})
	}
	out["Machines"], out["Patches"], out["Checks"] = machines, patches, checks
	js, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(js) + "\n"
}

func names(machines []*lab.Machine) []string {
	var out []string
	for _, m := range machines {
		out = append(out, m.Name)
	}
	return out
}
