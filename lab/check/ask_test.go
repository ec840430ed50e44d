package check

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// everyKind holds one spec of each kind of check.
var everyKind = []lab.CheckSpec{
	&lab.CommandCheck{}, &lab.TCPCheck{}, &lab.UDPCheck{}, &lab.PingCheck{}, &lab.DNSCheck{}, &lab.TLSCheck{}, &lab.HTTPCheck{},
	&lab.SMTPCheck{}, &lab.IMAPCheck{}, &lab.POP3Check{}, &lab.LDAPCheck{}, &lab.SMBCheck{}, &lab.SQLCheck{}, &lab.SSHCheck{},
	&lab.ServiceCheck{}, &lab.PackageCheck{}, &lab.ProcessCheck{}, &lab.ListenCheck{}, &lab.FileCheck{}, &lab.MountCheck{},
	&lab.DiskCheck{}, &lab.UserCheck{}, &lab.GroupCheck{}, &lab.KernelParameterCheck{}, &lab.TaskCheck{}, &lab.RegistryCheck{},
	&lab.HotfixCheck{}, &lab.FeatureCheck{}, &lab.IISSiteCheck{}, &lab.LogCheck{}, &lab.PerformanceCheck{}, &lab.RebootCheck{},
	&lab.CombinedCheck{}, &lab.CombinedCheck{All: true},
}

// TestEveryKindHasARow finds the kinds in the model's source, so that a new
// one is not forgotten here.
func TestEveryKindHasARow(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../checkspec.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, d := range file.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "Kind" && fn.Recv != nil {
			kinds = append(kinds, fn.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var here []string
	for _, spec := range everyKind {
		here = append(here, reflect.TypeOf(spec).Elem().Name())
		m := &machine{run: func(context.Context, lab.Command) (lab.Output, error) { return lab.Output{}, errors.New("no") }}
		f := Runner{}.attempt(ctx, spec, place{Place: lab.Place{Guest: m, Dialer: m}, redact: strings.Clone})
		if f.passed() || strings.Contains(f.message("desk", long), "knows no check") {
			t.Errorf("%s: %+v", spec.Kind(), f)
		}
	}
	slices.Sort(kinds)
	slices.Sort(here)
	if here = slices.Compact(here); !slices.Equal(kinds, here) {
		t.Errorf("kinds %v, in the table %v", kinds, here)
	}
}

// ofMachines are kinds that a machine answers by a script.
var ofMachines = []lab.CheckSpec{
	&lab.ServiceCheck{Unit: "u", Active: p(false)},
	&lab.PackageCheck{Name: "u"}, &lab.ProcessCheck{Name: "u", Count: lab.Range{Max: p(0.0)}},
	&lab.ListenCheck{Port: 1}, &lab.FileCheck{Path: "/u"}, &lab.DiskCheck{Path: "/"}, &lab.UserCheck{Name: "u"},
	&lab.GroupCheck{Name: "u"}, &lab.TaskCheck{Name: "u"}, &lab.LogCheck{}, &lab.PerformanceCheck{Run: "u"},
}

var (
	linuxOnly   = []lab.CheckSpec{&lab.MountCheck{Path: "/"}, &lab.KernelParameterCheck{Name: "u"}}
	windowsOnly = []lab.CheckSpec{
		&lab.RegistryCheck{Key: `HKLM:\u`}, &lab.HotfixCheck{ID: "KB5041160"}, &lab.IISSiteCheck{Name: "u"}, &lab.FeatureCheck{Name: "u"},
	}
)

// TestAbsenceNeedsAnAnswer gives each kind, wanting as little as it can, a
// machine that says nothing: that is no pass.
func TestAbsenceNeedsAnAnswer(t *testing.T) {
	for _, system := range []lab.OS{lab.Linux, lab.Windows} {
		for _, spec := range slices.Concat(ofMachines, linuxOnly, windowsOnly) {
			silent := prints("", "sh: not found\n", 127)
			silent.os = system
			for name, m := range map[string]*machine{"silent": silent, "no facts": answers(t, system, nil)} {
				if name == "no facts" && spec.Kind() == "service" && system == lab.Linux {
					continue // has an answer of its own kind
				}
				if res := make1(t, spec, m, long); res.Passed || res.Message == "" {
					t.Errorf("%s on %s, %s: passed %t, %q", spec.Kind(), system, name, res.Passed, res.Message)
				}
			}
		}
	}
}

func TestWrongSystem(t *testing.T) {
	for _, spec := range linuxOnly {
		want(t, make1(t, spec, answers(t, lab.Windows, nil), long), false, "a check of this kind cannot be made on desk, a machine with windows")
	}
	for _, spec := range windowsOnly {
		want(t, make1(t, spec, answers(t, lab.Linux, nil), long), false, "a check of this kind cannot be made on desk, a machine with linux")
	}
	for _, spec := range slices.Concat(ofMachines, linuxOnly, windowsOnly, []lab.CheckSpec{&lab.RebootCheck{}}) {
		want(t, make1(t, spec, nil, long), false, "a check of this kind can only be made from a machine")
	}
}

func TestAnswers(t *testing.T) {
	spec := &lab.FileCheck{Path: "/x", Exists: true, Content: lab.Match{NotContains: "error"}}
	flood := &machine{run: func(_ context.Context, c lab.Command) (lab.Output, error) {
		_, _ = c.Stdout.Write([]byte(strings.Repeat("y", maxAnswer+1)))
		return lab.Output{}, nil
	}}
	// A file that holds what a script prints, for another mark.
	content := "\nAAAAAAAAAAAAAAAAAAAAAAAAAA absent\n\nAAAAAAAAAAAAAAAAAAAAAAAAAA end\n"
	runRows(t, []row{
		{"flood", spec, flood, false, "desk answers with more than 3145728 bytes"},
		{"broken off", spec, prints("\nx there\n", "Killed\n", 137), false, "desk does not answer to the end (exit code 137): Killed"},
		{"forged marks", spec, answers(t, lab.Linux, facts{"there": "", "stat": "81a4\n9\n0\n0\nroot\nroot\n", "content": content}), true, `/x: content does not contain "error"`},
		{"Windows throws", &lab.IISSiteCheck{Name: "x"}, answers(t, lab.Windows, facts{"error": "IIS is not installed\r\n"}), false, "desk cannot tell: IIS is not installed"},
	})
}

func FuzzFacts(f *testing.F) {
	f.Add("\nM a\n1\nM end\n")
	f.Add("M eyJlbmQiOiIifQ==\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		if got, whole := linuxFacts("M", text); whole != strings.HasSuffix(text, "\nM end\n") || got == nil {
			t.Error(got, whole)
		}
		if got, whole := windowsFacts("M", text); whole && !got.has("end") {
			t.Error(got, whole)
		}
		steady(text)
		parseProcesses(text)
		parseMounts(text)
		parseSockets(text, "tcp")
		socketOwners(text)
	})
}
