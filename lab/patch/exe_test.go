package patch

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

const exeAdded = noProducts + "program\tDesk\t3.1\tDesk Tools\t\"C:\\Program Files\\Desk\\u.exe\" /S /say=it's\n"

func TestApplyEXE(t *testing.T) {
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		p := windowsPatch(t, lab.PatchEXE, "data.bin", "setup.exe")
		p.Args = []string{"/quiet", "/dir=C:\\a b"}
		o, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
		wantOutcome(t, o, err, lab.Applied, "setup.exe: done (exit code 0)")
		in, message, err := Applier{}.Confirm(t.Context(), p, m, o)
		if !in || message != "installed: Desk Tools 3.1" || err != nil {
			t.Error(in, message, err)
		}
		in, message, err = Applier{}.Confirm(t.Context(), p, m, o)
		if in || message != "Desk Tools is none, not 3.1" || err != nil {
			t.Error(in, message, err)
		}
		b, err := Applier{}.Backout(t.Context(), p, m, o, nil, nil)
		wantBackout(t, b, err, lab.TakenOut, "the removal of Desk Tools: done")
		b, err = Applier{}.Backout(t.Context(), p, m, o, nil, nil)
		wantBackout(t, b, err, lab.BackoutFailed, "Desk Tools is still installed")
		p.Backout = &lab.Backout{Script: write(t, filepath.Join(t.TempDir(), "undo.ps1"), "x"), Args: []string{"-Really"}}
		b, err = Applier{}.Backout(t.Context(), p, m, o, nil, nil)
		wantBackout(t, b, err, lab.BackoutFailed, "undo.ps1: for a reason this version does not know (exit code 9)")
	},
		one("make", ""), one("products", noProducts), task("start-exe", "logs-wusa", "0", ""), one("products", exeAdded), one("clean", ""),
		one("products", exeAdded), one("products", noProducts),
		one("make", ""), one("products", exeAdded), task("start-exe-remove", "logs-wusa", "0", ""), one("products", noProducts), one("clean", ""),
		one("make", ""), one("products", exeAdded), task("start-exe-remove", "logs-wusa", "0", ""), one("products", exeAdded), one("clean", ""),
		one("make", ""), one("products", exeAdded), task("start-exe-script", "logs-wusa", "9", ""), one("products", exeAdded), one("clean", ""))
}

func TestConfirmEXE(t *testing.T) {
	applied := lab.PatchOutcome{Status: lab.Applied}
	p := &lab.Patch{Name: "p", Kind: lab.PatchEXE}
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		in, message, err := Applier{}.Confirm(t.Context(), p, m, applied)
		if !in || !strings.Contains(message, "only its exit code") || err != nil {
			t.Error(in, message, err)
		}
	}, one("products", noProducts))
	p.Confirm = "exit 4"
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		in, message, err := Applier{}.Confirm(t.Context(), p, m, applied)
		if in || message != "the command that confirms it exited with 4: no" || err != nil {
			t.Error(in, message, err)
		}
	}, []windowsExchange{{script: "confirm-exe", stdout: "no\r\n", code: 4}})
}

func TestBackoutEXEThatCannot(t *testing.T) {
	p := &lab.Patch{Name: "p", Kind: lab.PatchEXE}
	for words, undo := range map[string]programUndo{
		"made 0 new entries":     {},
		"no command for a quiet": {added: []installedProgram{{key: "x"}}},
		"x was 1 before":         {changed: []installedProgram{{key: "x", was: "1"}}},
		"made 2 new entries":     {added: make([]installedProgram, 2)},
	} {
		inWindows(t, func(t *testing.T, m *windowsMachine) {
			b, err := Applier{}.Backout(t.Context(), p, m, lab.PatchOutcome{Status: lab.Applied, Undo: undo}, nil, nil)
			wantBackout(t, b, err, lab.CannotTakeOut, words)
		}, one("make", ""), one("clean", ""))
	}
}
