package patch

import (
	"bytes"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

func TestApplyScript(t *testing.T) {
	for _, c := range []struct {
		name, content, command string
		result                 reply
		status                 lab.PatchStatus
		message                string
	}{
		{"with an interpreter", "#!/usr/bin/python3\n", `exec './fix it' 'a b' '$HOME' </dev/null`, reply{stdout: "done\n"}, lab.Applied, "the script exited with 0"},
		{"without one", "echo\n", `exec /bin/sh './fix it' 'a b' '$HOME' </dev/null`, reply{}, lab.Applied, "the script exited with 0"},
		{"empty", "", `exec /bin/sh './fix it'`, reply{}, lab.Applied, "the script exited with 0"},
		{"fails", "#!/bin/sh\n", `exec './fix it'`, reply{code: 3, stdout: "one\nno such table\x1b[0m\n"}, lab.PatchFailed, "the script exited with 3: no such table"},
		{"fails silently", "#!/bin/sh\n", `exec './fix it'`, reply{code: 1}, lab.PatchFailed, "the script exited with 1"},
		{"not for it", "#!/bin/sh\n", `exec './fix it'`, reply{code: 77, stdout: "no such program here\n"}, lab.NotApplicable, "the script says, by exit code 77, that it is not for this machine: no such program here"},
		{"hangs", "#!/bin/sh\n", `exec './fix it'`, reply{err: &lab.GuestError{Err: &guest.TimeoutError{}}}, lab.PatchFailed, "did not finish within 1m0s and was killed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			p := &lab.Patch{
				Name: "p", Kind: lab.PatchScript, Timeout: time.Minute, Args: []string{"a b", "$HOME"},
				Script: write(t, filepath.Join(dir, "fix it"), c.content),
				Files:  []string{write(t, filepath.Join(dir, "data", "x"), "payload")},
			}
			c.result.word = "exec "
			m := &machine{t: t, replies: []reply{
				{word: "--showformat", stdout: noDeb, times: 1},
				{word: "--showformat", stdout: with("1", installed, "")},
				c.result,
			}}
			var log bytes.Buffer
			out, err := Applier{}.Apply(t.Context(), p, m, &log, nil)
			if err != nil || out.Status != c.status || out.Message != c.message {
				t.Errorf("%+v, error %v; want %s, %q", out, err, c.status, c.message)
			}
			if want := []lab.PackageChange{{Name: "plabtest:all", To: "1"}}; !reflect.DeepEqual(out.Packages, want) {
				t.Errorf("packages %+v", out.Packages)
			}
			if cmd, ok := m.ran("exec "); !ok || !strings.Contains(cmd.Shell, c.command) || !strings.HasPrefix(cmd.Shell, "cd "+stageRoot+"/") {
				t.Errorf("ran %q", cmd.Shell)
			}
			if log.String() != c.result.stdout {
				t.Errorf("log %q", log.String())
			}
			checkStaged(t, m)
			m.checkCleaned()
		})
	}
}

func checkStaged(t *testing.T, m *machine) {
	t.Helper()
	got := map[string]fs.FileMode{}
	for dst, mode := range m.modes {
		rel := strings.TrimPrefix(dst, stageRoot+"/")
		got[rel[strings.IndexByte(rel, '/')+1:]] = mode
		if !path.IsAbs(dst) {
			t.Errorf("staged at %s", dst)
		}
	}
	if want := map[string]fs.FileMode{"fix it": 0o755, "data/x": 0o644}; !reflect.DeepEqual(got, want) {
		t.Errorf("staged %v, want %v", got, want)
	}
}

func TestScriptReboot(t *testing.T) {
	for _, c := range []struct {
		os   lab.OS
		code int
		want bool
	}{{lab.Linux, 194, true}, {lab.Windows, 3010, true}, {lab.Windows, 1641, true}, {lab.Windows, 194, true}, {lab.Linux, 3010, false}, {lab.Linux, 1, false}} {
		p := &lab.Patch{Name: "p", Kind: lab.PatchScript, Script: write(t, filepath.Join(t.TempDir(), "fix.cmd"), "")}
		m := &machine{t: t, os: c.os, replies: []reply{{word: "fix.cmd", code: c.code}}}
		out, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
		if err != nil || out.RebootNeeded != c.want || (out.Status == lab.Applied) != c.want || out.ExitCode != c.code {
			t.Errorf("%s, %d: %+v, %v", c.os, c.code, out, err)
		}
	}
}

func TestScriptInterpreters(t *testing.T) {
	for _, c := range []struct {
		os          lab.OS
		file        string
		interpreter []string
		want        string
	}{
		{lab.Linux, "a.py", []string{"python3", "-u"}, "exec python3 -u ./a.py 'x y' '' </dev/null"},
		{lab.Windows, "a.ps1", nil, `& 'powershell.exe' '-NoProfile' '-NonInteractive' '-ExecutionPolicy' 'Bypass' '-File' '.\a.ps1' 'x y' '""'; exit $LASTEXITCODE`},
		{lab.Windows, "a.cmd", nil, `& '.\a.cmd' 'x y' '""'; exit $LASTEXITCODE`},
		{lab.Windows, "a.py", []string{"py", "-3"}, `& 'py' '-3' '.\a.py' 'x y' '""'; exit $LASTEXITCODE`},
	} {
		p := &lab.Patch{
			Name: "p", Kind: lab.PatchScript, Args: []string{"x y", ""}, Interpreter: c.interpreter,
			Script: write(t, filepath.Join(t.TempDir(), "sub", c.file), "#!/bin/false\n"),
		}
		m := &machine{t: t, os: c.os}
		if out, err := (Applier{}).Apply(t.Context(), p, m, nil, nil); err != nil || out.Status != lab.Applied {
			t.Errorf("%+v, %v", out, err)
		}
		if _, ok := m.ran(c.want); !ok {
			t.Errorf("%s on %s: ran %+v", c.file, c.os, m.commands)
		}
	}
	for in, want := range map[string]string{`a"b`: `a\"b`, `a\"b`: `a\\\"b`, `c:\x y\`: `c:\x y\\`, `c:\x\`: `c:\x\`, "": `""`} {
		if got := nativeArgument(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestConfirmScript(t *testing.T) {
	p := &lab.Patch{Name: "p", Kind: lab.PatchScript, Confirm: "grep -q new /etc/app"}
	for _, c := range []struct {
		reply   reply
		in      bool
		message string
	}{
		{reply{stdout: "fine\n"}, true, "the command that confirms it exited with 0: fine"},
		{reply{code: 2, stdout: "no such file\n"}, false, "the command that confirms it exited with 2: no such file"},
		{reply{err: &lab.GuestError{Err: &guest.TimeoutError{}}}, false, "the command that confirms it did not finish within 0s and was killed"},
	} {
		c.reply.word = p.Confirm
		m := &machine{t: t, replies: []reply{c.reply}}
		in, message, err := Applier{}.Confirm(t.Context(), p, m, lab.PatchOutcome{Status: lab.Applied})
		if in != c.in || message != c.message || err != nil {
			t.Errorf("%t, %q, %v; want %q", in, message, err, c.message)
		}
	}
	p.Confirm = ""
	in, message, err := Applier{}.Confirm(t.Context(), p, &machine{t: t}, lab.PatchOutcome{Status: lab.Applied})
	if !in || message != "the script exited with 0; the patch names no command that confirms it" || err != nil {
		t.Errorf("%t, %q, %v", in, message, err)
	}
}

// TestScriptForReal runs a script and its way back by this host's sh.
func TestScriptForReal(t *testing.T) {
	m, dir := newShelled(t), t.TempDir()
	p := &lab.Patch{
		Name: "p", Kind: lab.PatchScript, Timeout: time.Minute, Args: []string{"it's $HOME"},
		Script:  write(t, filepath.Join(dir, "do.sh"), `printf '%s' "$1 $(cat data/x)" >"$ROOT/done"`),
		Files:   []string{write(t, filepath.Join(dir, "data", "x"), "payload")},
		Confirm: `[ "$(cat "$ROOT/done")" = "it's \$HOME payload" ]`,
		Backout: &lab.Backout{Script: write(t, filepath.Join(dir, "undo.sh"), "#!/bin/sh\nrm \"$ROOT/done\" && echo $1 && exit $2\n"), Args: []string{"gone", "0"}},
	}
	out := m.apply(p)
	if out.Status != lab.Applied {
		t.Fatalf("%+v", out)
	}
	if in, message := m.confirm(p, out); !in {
		t.Errorf("not confirmed: %s", message)
	}
	if b := m.backout(p, out); b.Status != lab.TakenOut || fileText(t, m.root+"/done") != "-" {
		t.Errorf("%+v", b)
	}
	if b := m.backout(p, out); b.Status != lab.BackoutFailed || !strings.HasPrefix(b.Message, "the back-out script exited with 1: rm: cannot remove") {
		t.Errorf("once more: %+v", b)
	}
	if in, _ := m.confirm(p, out); in {
		t.Error("confirmed after it was taken out")
	}
	p.Backout = nil
	if b := m.backout(p, out); b.Status != lab.CannotTakeOut || !strings.Contains(b.Message, "backout { script = … }") {
		t.Errorf("%+v", b)
	}
}
