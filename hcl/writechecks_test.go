package hcl_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
)

// written writes checks, and says when they are not in the layout of Format.
func written(t *testing.T, checks ...*lab.Check) string {
	t.Helper()
	var all []hcl.SuggestedCheck
	for _, c := range checks {
		all = append(all, hcl.SuggestedCheck{Check: c})
	}
	var out bytes.Buffer
	if err := hcl.WriteChecks(&out, all); err != nil {
		t.Fatal(err)
	}
	formatted, err := hcl.Format(out.Bytes(), "checks.hcl")
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if diff := cmp.Diff(out.String(), string(formatted)); diff != "" {
		t.Errorf("layout (-written +formatted):\n%s", diff)
	}
	return out.String()
}

// compare compares checks but for their places.
func compare(t *testing.T, text string, want, got []*lab.Check) {
	t.Helper()
	opts := []cmp.Option{
		cmpopts.IgnoreFields(lab.Check{}, "Pos"),
		cmp.Comparer(func(a, b *lab.Machine) bool { return a == b || a != nil && b != nil && a.Name == b.Name }),
		cmp.Comparer(func(a, b *lab.Network) bool { return a == b || a != nil && b != nil && a.Name == b.Name }),
	}
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		t.Errorf("checks (-want +loaded):\n%s\n%s", diff, text)
	}
}

// TestWriteChecksOfEveryKind writes every kind of check and loads it again.
func TestWriteChecksOfEveryKind(t *testing.T) {
	l := loadEveryKind(t)
	var want []*lab.Check
	for _, c := range l.Checks {
		if s, ok := c.Spec.(*lab.SSHCheck); !ok || s.Key == "" {
			want = append(want, c)
		}
	}
	text := written(t, want...)
	golden(t, "testdata/written.hcl", text)
	src, err := os.ReadFile("testdata/valid/every_kind/lab.hcl")
	if err != nil {
		t.Fatal(err)
	}
	again, d := hcl.Load(write(t, map[string]string{
		"lab.hcl": string(src), "checks.hcl": text, "files/server2019.vhdx": "", "files/rhel9.qcow2": "",
	}), hcl.Options{})
	if d.HasErrors() {
		t.Fatalf("%v\n%s", d, text)
	}
	compare(t, text, want, again.Checks)
}

// TestWriteChecksOfEveryAttribute does so with the attributes that those have
// the default of.
func TestWriteChecksOfEveryAttribute(t *testing.T) {
	dir := filepath.Join("testdata", "valid", "attributes")
	l, d := hcl.Load(dir, hcl.Options{})
	if d.HasErrors() {
		t.Fatal(d)
	}
	text := written(t, l.Checks...)
	src, err := os.ReadFile(filepath.Join(dir, "lab.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(src), "check \"")
	again, d := hcl.Load(write(t, map[string]string{"lab.hcl": head, "checks.hcl": text, "files/disk.vhdx": ""}), hcl.Options{})
	if d.HasErrors() {
		t.Fatalf("%v\n%s", d, text)
	}
	compare(t, text, l.Checks, again.Checks)
}

// TestWriteChecksEscapes writes what machines can answer.
func TestWriteChecksEscapes(t *testing.T) {
	const more = noResult + "network \"2nd\" { subnet = \"10.1.0.0/24\" }\nmachine \"desk\" {\n  for_each = toset([\"front\"])\n  image = image.i\n  nic { network = network.n }\n}\n"
	l := load(t, more, hcl.Options{})
	nasty := "${x} %{ if } $${y} \"q\" \\ \r\n\t\x00\x1b[31m \u202e ü 'a' # // /* <<E"
	check := func(name string, s lab.CheckSpec) *lab.Check {
		return &lab.Check{Name: name, From: l.Machines[1], Timeout: 90e9, Retries: 0, Interval: 1e9, Severity: lab.Warning, Spec: s}
	}
	want := []*lab.Check{
		check(`a "b" ${c} %{d} \ é`, &lab.CommandCheck{Run: nasty, Stdout: lab.Match{Contains: "a", NotContains: nasty, Equals: "b", Regexp: `^\$\{`}}),
		check("tcp", &lab.TCPCheck{Host: "m", Port: 1, Send: nasty, Expect: lab.Match{Contains: nasty}}),
		check("sql", &lab.SQLCheck{
			Server: lab.Server{Host: "m", Port: 3306, Security: lab.TLS, User: "${u}", Password: "%{p}"},
			Driver: "mysql", Query: nasty, Rows: [][]string{{nasty, ""}, {}},
		}),
		check("no rows", &lab.SQLCheck{
			Server: lab.Server{Host: "m", Port: 1, Security: lab.Plain, User: "u"}, Driver: "sqlserver", Query: "q", Rows: [][]string{},
		}),
		check("dns", &lab.DNSCheck{Name: "m", Type: "TXT", Answers: []string{nasty}, Rcode: "NOERROR"}),
		check("http", &lab.HTTPCheck{
			URL: "http://m/${x}", Method: "PUT", Headers: map[string]string{"X-A": "%{a}"},
			Header: map[string]lab.Match{"X-B": {Equals: nasty}},
		}),
		check("process", &lab.ProcessCheck{Name: "a b"}),
	}
	want[6].Spec.(*lab.ProcessCheck).Count = lab.Range{Min: new(float64), Max: new(float64)}
	want[1].From, want[1].FromNet = nil, l.Networks[1]
	text := written(t, want...)
	if !strings.Contains(text, `machine.desk["front"]`) || !strings.Contains(text, `network["2nd"]`) {
		t.Errorf("references:\n%s", text)
	}
	compare(t, text, want, load(t, more+text, hcl.Options{}).Checks)
}

func TestWriteChecksComments(t *testing.T) {
	m := &lab.Machine{Name: "web"}
	var out bytes.Buffer
	err := hcl.WriteChecks(&out, []hcl.SuggestedCheck{
		{Check: &lab.Check{Name: "a", From: m, Retries: 2, Spec: &lab.RebootCheck{}}},
		{Comment: "apache2 listens here\n\x1b[2J}\r\n", Check: &lab.Check{Name: "b", From: m, Retries: 2, Timeout: 2 * 3600e9, Spec: &lab.ListenCheck{Port: 80, Protocol: "tcp", Listening: true}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `check "a" {
  from = machine.web

  reboot {}
}

# apache2 listens here
# �[2J}
check "b" {
  from    = machine.web
  timeout = "2h"

  listen {
    port = 80
  }
}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

func TestWriteChecksRefuses(t *testing.T) {
	m := &lab.Machine{Name: "web"}
	gone := &lab.Machine{Name: "web", Pos: lab.Pos{File: filepath.Join(t.TempDir(), "gone.hcl"), Line: 1}}
	for name, c := range map[string]*lab.Check{
		"no spec":     {Name: "a", From: m},
		"no place":    {Name: "a", Spec: &lab.RebootCheck{}},
		"no name":     {From: m, Spec: &lab.RebootCheck{}},
		"two lines":   {Name: "a\nb", From: m, Spec: &lab.RebootCheck{}},
		"not UTF-8":   {Name: "a", From: m, Spec: &lab.CommandCheck{Run: "\xff"}},
		"private key": {Name: "a", From: m, Spec: &lab.SSHCheck{Key: "k"}},
		"nothing":     {Name: "a", From: m, Spec: &lab.HTTPCheck{URL: "http://m/"}},
		"file gone":   {Name: "a", From: gone, Spec: &lab.RebootCheck{}},
	} {
		var out bytes.Buffer
		if err := hcl.WriteChecks(&out, []hcl.SuggestedCheck{{Check: c}}); err == nil || out.Len() > 0 {
			t.Errorf("%s: error %v, and %q is written", name, err, out.String())
		}
	}
	ok := []hcl.SuggestedCheck{{Check: &lab.Check{Name: "a", From: m, Spec: &lab.RebootCheck{}}}}
	if err := hcl.WriteChecks(failing{}, ok); err == nil {
		t.Error("no error of the writer")
	}
}
