package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/patch"
)

const goodDeb, brokenDeb = "../../examples/dental/patches/good/harbour-booking_1.1_all.deb", "../../examples/dental/patches/broken/harbour-booking_1.2_all.deb"

// names gives each item with what it holds.
func batchNames(b *batch) []string {
	var out []string
	for _, i := range b.items {
		out = append(out, i.Name+": "+strings.Join(append(i.Packages, i.Files...), " "))
	}
	return out
}

func TestBatchTakesApart(t *testing.T) {
	web := []*lab.Machine{{Name: "web"}}
	defined := lab.Pos{File: "x.hcl", Line: 1}
	script := &lab.Patch{Name: "fix", Kind: lab.PatchScript, Script: "/fix", Pos: defined, Reboot: lab.RebootAuto}
	debs := &lab.Patch{Name: "updates", Kind: lab.PatchDeb, Files: []string{goodDeb, brokenDeb}, Targets: web, Timeout: 1, VerifyReboot: true, Reboot: lab.RebootAlways}
	single := &lab.Patch{Name: "one", Kind: lab.PatchDeb, Files: []string{goodDeb}, Targets: web}
	apt := &lab.Patch{Name: "apt", Kind: lab.PatchApt, Packages: []string{"openssl", "curl=8"}, Bundle: "/b", Pos: defined}
	b, err := newBatch([]*lab.Patch{script, debs, single, apt})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"fix: ", "harbour-booking_1.1_all.deb: " + goodDeb, "harbour-booking_1.2_all.deb: " + brokenDeb,
		"harbour-booking_1.1_all.deb (2): " + goodDeb, "openssl: openssl", "curl=8: curl=8",
	}
	if diff := cmp.Diff(want, batchNames(b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	whole := b.together(b.items, bisectOptions{})
	if whole.Kind != lab.PatchBatch || len(whole.Parts) != 3 || len(whole.Parts[1].Files) != 3 || whole.Reboot != lab.RebootAlways ||
		!whole.VerifyReboot || whole.Name != "all 6 patches" || len(whole.Targets) != 1 {
		t.Errorf("together it is %+v", whole)
	}
	some := b.together(b.items[2:3], bisectOptions{noReboot: true})
	if some.Kind != lab.PatchDeb || !slices.Equal(some.Files, []string{brokenDeb}) || some.Name != "harbour-booking_1.2_all.deb" || some.VerifyReboot {
		t.Errorf("one of them is %+v", some)
	}
	if len(debs.Files) != 2 || debs.Name != "updates" || !debs.VerifyReboot {
		t.Errorf("the patch itself was changed: %+v", debs)
	}
	if got := b.together(b.items[4:], bisectOptions{}); got.Kind != lab.PatchApt || !slices.Equal(got.Packages, []string{"openssl", "curl=8"}) || got.Bundle != "/b" {
		t.Errorf("packages by name are %+v", got)
	}
	for _, i := range b.items {
		if i.Kind == lab.PatchDeb {
			if _, err := patch.Pin(i); err != nil {
				t.Error(err)
			}
		}
	}
}

// writeDeb writes a package that has a control file, and nothing else.
func writeDeb(t *testing.T, name, control string) string {
	t.Helper()
	var tarball bytes.Buffer
	w := tar.NewWriter(&tarball)
	if err := w.WriteHeader(&tar.Header{Name: "./control", Size: int64(len(control)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(control))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text := "!<arch>\n"
	for _, m := range [][2]string{{"debian-binary", "2.0\n"}, {"control.tar", tarball.String()}, {"data.tar", ""}} {
		text += fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m[0], 0, 0, 0, "100644", len(m[1]), m[1])
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A package needs those of the batch that it depends on, on the same machine.
func TestBatchNeeds(t *testing.T) {
	web, db := []*lab.Machine{{Name: "web"}}, []*lab.Machine{{Name: "db"}}
	lib := writeDeb(t, "lib.deb", "Package: libssl3\nVersion: 2\n")
	app := writeDeb(t, "app.deb", "Package: curl\nVersion: 2\nDepends: libc6, libssl3 (>= 2)\n")
	odd := writeDeb(t, "odd.deb", "no field\n")
	b, err := newBatch([]*lab.Patch{
		{Name: "for web", Kind: lab.PatchDeb, Files: []string{app, lib, odd}, Targets: web},
		{Name: "for db", Kind: lab.PatchDeb, Files: []string{app}, Targets: db},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.needs) != 1 || !slices.Equal(b.needs[b.items[0]], b.items[1:2]) {
		t.Errorf("needs are %v", b.needs)
	}
	if len(b.remarks) != 1 || !strings.Contains(b.remarks[0], "what odd.deb needs is not known") {
		t.Errorf("it remarks %q", b.remarks)
	}
}

func TestBatchOfDefinition(t *testing.T) {
	parts := []*lab.Patch{
		{Name: "a", Kind: lab.PatchScript, Pos: lab.Pos{File: "x", Line: 1}},
		{Name: "b", Kind: lab.PatchScript, Pos: lab.Pos{File: "x", Line: 2}},
	}
	whole := &lab.Patch{Name: "monthly", Kind: lab.PatchBatch, Parts: parts, Reboot: lab.RebootNever, Timeout: 5, Expect: &lab.Expect{}}
	b, err := newBatch([]*lab.Patch{whole})
	if err != nil {
		t.Fatal(err)
	}
	got := b.together(b.items[1:], bisectOptions{})
	if got.Kind != lab.PatchBatch || got.Expect == nil || got.Timeout != 5 || len(got.Parts) != 1 || got.Parts[0].Name != "b" || len(whole.Parts) != 2 {
		t.Errorf("got %+v", got)
	}
	if _, err := newBatch(parts[:1]); err == nil {
		t.Error("one patch is no batch")
	}
}

func TestShaped(t *testing.T) {
	web := &lab.Machine{Name: "web"}
	l := &lab.Lab{Machines: []*lab.Machine{web}, Checks: []*lab.Check{{Name: "c", From: web, Spec: &lab.TCPCheck{Port: 80}}}}
	b := &batch{items: []*lab.Patch{{Name: "a", Targets: l.Machines}}}
	shape := func(o bisectOptions) map[string]string {
		got, err := b.shaped(l, "key", o)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	before := shape(bisectOptions{})
	l.Checks[0].Pos.Line = 7 // a comment above it
	if diff := cmp.Diff(before, shape(bisectOptions{})); diff != "" {
		t.Errorf("another place makes a difference: %s", diff)
	}
	for name, change := range map[string]func(){
		"the checks":                                func() { l.Checks[0].Spec = &lab.TCPCheck{Port: 81} },
		"what is looked at on a machine":            func() { web.Wave = 2 },
		"what a patch is for, or how it is applied": func() { b.items[0].Reboot = lab.RebootAlways },
	} {
		before := shape(bisectOptions{})
		change()
		after := shape(bisectOptions{})
		for k := range after {
			if (after[k] != before[k]) != (k == name) {
				t.Errorf("after a change of %s: %s %s", name, k, after[k])
			}
		}
	}
	if shape(bisectOptions{noControl: true})["an option"] == before["an option"] {
		t.Error("an option makes no difference")
	}
}

func TestTrialOf(t *testing.T) {
	target := func(s lab.PatchStatus) lab.MachineRecord {
		return lab.MachineRecord{Name: "web", Target: true, Outcome: &lab.PatchOutcome{Status: s}}
	}
	for _, tt := range []struct {
		name string
		rec  lab.Record
		part bool
		want lab.Trial
	}{
		{
			name: "checks and findings", part: true,
			rec: lab.Record{
				Verdict: lab.Fail, Reason: "r", Run: "1",
				Checks: []lab.CheckRecord{
					{Name: "site", Class: lab.ClassRegression, Severity: lab.Critical},
					{Name: "log", Class: lab.ClassRegression, Severity: lab.Warning},
					{Name: "old", Class: lab.ClassPreExisting, Severity: lab.Critical},
				},
				Findings: []lab.Finding{
					{Patch: true, Machine: "web", Summary: `the patch could not be applied on "web": E: 3 held`},
					{Patch: true, Machine: "web", Summary: `the patch could not be applied on "web": E: 4 held`},
					{Machine: "db", Summary: "it was off"},
				},
			},
			want: lab.Trial{Verdict: lab.Fail, Reason: "r", Run: "1", Signature: []string{"check site", `finding web the patch could not be applied on "web"`}},
		},
		{
			name: "idle part", part: true,
			rec:  lab.Record{Verdict: lab.Inconclusive, Machines: []lab.MachineRecord{{Name: "db"}, target(lab.NotApplicable)}},
			want: lab.Trial{Verdict: lab.Pass, Reason: "none of it is for the machines, or all of it is there already"},
		},
		{
			name: "idle whole",
			rec:  lab.Record{Verdict: lab.Inconclusive, Reason: "r", Machines: []lab.MachineRecord{target(lab.NotApplicable)}},
			want: lab.Trial{Verdict: lab.Inconclusive, Reason: "r"},
		},
		{
			name: "host at fault", part: true,
			rec: lab.Record{
				Verdict: lab.Inconclusive, Reason: "r", Machines: []lab.MachineRecord{target(lab.AlreadyInstalled)},
				Findings: []lab.Finding{{Host: true}},
			},
			want: lab.Trial{Verdict: lab.Inconclusive, Reason: "r"},
		},
		{
			name: "nobody asked", part: true,
			rec:  lab.Record{Verdict: lab.Inconclusive, Reason: "r", Machines: []lab.MachineRecord{{Name: "web", Target: true}}},
			want: lab.Trial{Verdict: lab.Inconclusive, Reason: "r"},
		},
	} {
		if diff := cmp.Diff(tt.want, trialOf(&tt.rec, tt.part)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestPrintBisection(t *testing.T) {
	l := &lab.Lab{Name: "dental"}
	b := &batch{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		b.items = append(b.items, &lab.Patch{Name: name})
	}
	all := namesOf(b.items)
	out := &lab.Bisection{
		Verdict: lab.Fail, Reason: "broken by a and b together (a alone passes, b alone passes)", Culprits: []string{"a", "b"}, Runs: 4, Reused: 1,
		Rest: &lab.Tried{Trial: lab.Trial{Verdict: lab.Pass}},
		Trials: []lab.Tried{
			{Items: all, Trial: lab.Trial{Verdict: lab.Fail, Reason: "check \x1b[31m\"site\"", Run: "r1"}, Reused: true},
			{Items: all[:4], Trial: lab.Trial{Verdict: lab.Fail, Reason: "gone", Run: "r2"}, Other: true},
			{Items: all[:1], Trial: lab.Trial{Verdict: lab.Pass, Reason: "fine", Run: "r3"}},
		},
	}
	const want = `broken by a and b together (a alone passes, b alone passes), 4 runs, 1 of them reused
the rest passes without a, b
  fail: all 8 patches: check "site" (reused) [run r1]
  fail: 4 of 8 patches: gone (another reason than the whole batch's): a, b, c, d [run r2]
  pass: a [run r3]
`
	var text strings.Builder
	a := &app{stdout: &text, format: "text"}
	if err := a.printBisection(l, b, out); err != codeError(exitFail) { //nolint:errorlint // exactly this
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	text.Reset()
	a.format = "json"
	_ = a.printBisection(l, b, out)
	for _, want := range []string{`"lab": "dental"`, `"verdict": "fail"`, `"culprits"`, `"runs": 4`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the JSON has no %s:\n%s", want, &text)
		}
	}
}

func TestLockBisect(t *testing.T) {
	path := t.TempDir() + "/bisect/x.json"
	unlock, err := lockBisect(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockBisect(path); err == nil {
		t.Error("two at once")
	}
	unlock()
	unlock, err = lockBisect(path)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
