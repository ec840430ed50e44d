package patch

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// scriptPart is a part whose script does what text says, and whose way back
// adds its name to the file "undone".
func scriptPart(t *testing.T, name, text string) *lab.Patch {
	dir := t.TempDir()
	return &lab.Patch{
		Name: name, Kind: lab.PatchScript, Script: write(t, filepath.Join(dir, "do"), text), Timeout: time.Minute,
		Confirm: "grep -q " + name + " \"$ROOT/log\"",
		Backout: &lab.Backout{Script: write(t, filepath.Join(dir, "undo"), "echo "+name+" >>\"$ROOT/undone\"")},
	}
}

func statuses(out lab.PatchOutcome) (list []string) {
	for _, p := range out.Parts {
		list = append(list, p.Patch+" "+string(p.Status))
	}
	return list
}

func TestBatch(t *testing.T) {
	m := newShelled(t)
	other := scriptPart(t, "other", "exit 1")
	other.Targets = []*lab.Machine{{Name: "db"}}
	mine := scriptPart(t, "b", "echo b >>\"$ROOT/log\"; exit 194")
	mine.Targets = []*lab.Machine{{Name: "web"}}
	p := &lab.Patch{Name: "all", Kind: lab.PatchBatch, Parts: []*lab.Patch{
		scriptPart(t, "a", "echo a >>\"$ROOT/log\""), other, mine, scriptPart(t, "c", "exit 77"), {Name: "w", Kind: lab.PatchMSI},
	}}
	out := m.apply(p)
	if want := []string{"a applied", "b applied", "c not-applicable", "w not-applicable"}; !reflect.DeepEqual(statuses(out), want) {
		t.Errorf("parts %q", statuses(out))
	}
	if out.Status != lab.Applied || !out.RebootNeeded || !out.Started || out.Message != "of 4 parts 2 applied, 2 not-applicable" {
		t.Errorf("%+v", out)
	}
	if in, message := m.confirm(p, out); !in || !strings.HasPrefix(message, `part "a": the command`) || !strings.Contains(message, `part "b"`) {
		t.Errorf("%t, %q", in, message)
	}
	write(t, m.root+"/log", "a")
	if in, message := m.confirm(p, out); in || !strings.HasPrefix(message, `part "b": `) {
		t.Errorf("%t, %q", in, message)
	}
	if b := m.backout(p, out); b.Status != lab.TakenOut || b.Message != "2 parts were taken out" || fileText(t, m.root+"/undone") != "b\na\n" {
		t.Errorf("%+v, %q", b, fileText(t, m.root+"/undone"))
	}
	p.Parts[2].Backout = nil
	if b := m.backout(p, out); b.Status != lab.CannotTakeOut || !strings.HasPrefix(b.Message, `part "b": a script has no way back`) {
		t.Errorf("%+v", b)
	}
	p.Parts[0].Backout, p.Parts[2].Backout = nil, p.Parts[0].Backout
	if b := m.backout(p, out); b.Status != lab.BackoutFailed || !strings.HasPrefix(b.Message, `part "a": `) {
		t.Errorf("%+v", b)
	}
	p.Parts = []*lab.Patch{other}
	if out := m.apply(p); out.Status != lab.NotApplicable || out.Started {
		t.Errorf("none for this machine: %+v", out)
	}
}

func TestBatchStopsAtAFailure(t *testing.T) {
	m := newShelled(t)
	p := &lab.Patch{Name: "all", Kind: lab.PatchBatch, Parts: []*lab.Patch{
		scriptPart(t, "a", ""), scriptPart(t, "b", "echo no room; exit 5"), scriptPart(t, "c", "touch \"$ROOT/c\""),
	}}
	out := m.apply(p)
	if out.Status != lab.PatchFailed || out.ExitCode != 5 || out.Message != `part "b" failed: the script exited with 5: no room` || len(out.Parts) != 2 || fileText(t, m.root+"/c") != "-" {
		t.Errorf("%+v", out)
	}
}

func TestBatchTogether(t *testing.T) {
	deb := func(name string, files ...string) *lab.Patch {
		return &lab.Patch{Name: name, Kind: lab.PatchDeb, Files: files, Timeout: time.Minute}
	}
	script := &lab.Patch{Name: "s", Kind: lab.PatchScript}
	only := deb("only", "/5")
	only.InstalledOnly = true
	steps := together([]*lab.Patch{deb("a", "/1", "/2"), deb("b", "/2", "/3"), script, deb("c", "/4"), only, {Name: "r", Kind: lab.PatchRPM}})
	var got []string
	for _, s := range steps {
		got = append(got, s.patch.Name)
	}
	if want := []string{"a + b", "s", "c", "only", "r"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	if ab := steps[0].patch; !reflect.DeepEqual(ab.Files, []string{"/1", "/2", "/3"}) || ab.Timeout != 2*time.Minute {
		t.Errorf("%+v", ab)
	}
}

// TestBatchOfPackages has two parts with the same package, which cannot be
// one transaction.
func TestBatchOfPackages(t *testing.T) {
	a, b := rpmPatch(t), rpmPatch(t)
	a.Name, b.Name = "a", "b"
	twice := "plabtest\tnoarch\t2.0-1\tplabtest \t\n"
	m := hat(t, "dnf rpm", pack1, pack2, reply{})
	m.replies = append([]reply{{word: "002_it_s_reboot.rpm", stdout: twice + twice}, {word: "rpm -qa", stdout: m.replies[0].stdout, times: 2}}, m.replies[1:]...)
	p := &lab.Patch{Name: "all", Kind: lab.PatchBatch, Parts: []*lab.Patch{a, b}}
	out, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
	if err != nil || !reflect.DeepEqual(statuses(out), []string{"a applied", "b already-installed"}) {
		t.Errorf("%+v, %v", out, err)
	}
	if out.Message != "of 2 parts 1 applied, 1 already-installed" || len(out.Packages) != 1 {
		t.Errorf("%+v", out)
	}
	m.checkCleaned()
}

func TestJoinChanges(t *testing.T) {
	got := joinChanges(
		[]lab.PackageChange{{Name: "a", From: "1", To: "2"}, {Name: "b", To: "1"}},
		[]lab.PackageChange{{Name: "a", From: "2", To: "3"}, {Name: "b", From: "1"}, {Name: "0", From: "1", To: "2"}},
	)
	if want := []lab.PackageChange{{Name: "0", From: "1", To: "2"}, {Name: "a", From: "1", To: "3"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}
