package patch

import (
	"bytes"
	"errors"
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

func TestRebootPending(t *testing.T) {
	m := &machine{t: t, replies: []reply{{word: "reboot-required", stdout: "the system asks for it because of libc6 \nkernel 2 is installed, 1 is running\x1b[0m\n"}}}
	pending, reason, err := Applier{}.RebootPending(t.Context(), m)
	if want := "the system asks for it because of libc6; kernel 2 is installed, 1 is running"; !pending || reason != want || err != nil {
		t.Errorf("%t, %q, %v", pending, reason, err)
	}
	pending, reason, err = Applier{}.RebootPending(t.Context(), &machine{t: t})
	if pending || reason != "" || err != nil {
		t.Errorf("%t, %q, %v", pending, reason, err)
	}
	var guestErr *lab.GuestError
	if _, _, err = (Applier{}).RebootPending(t.Context(), &machine{t: t, replies: []reply{{word: "reboot", code: 2}}}); !errors.As(err, &guestErr) {
		t.Errorf("error %v", err)
	}
}
