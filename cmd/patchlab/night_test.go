package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/notify"
	"github.com/patchlab/patchlab/snapshots"
)

// write makes files, with their folders, by their paths below dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// openStore opens a store of its own.
func openStore(t *testing.T) *snapshots.Store {
	t.Helper()
	home, err := os.MkdirTemp("/var/tmp", "patchlab-night-") // QEMU's user could not enter TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	if err := os.Chmod(home, 0o755); err != nil {
		t.Fatal(err)
	}
	store, err := snapshots.Open(home, home)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// Only a night waits by itself: all else ends with 4 at once.
func TestWaitIsTheNightsOwn(t *testing.T) {
	a := &app{}
	root := newRoot(a)
	if a.wait != 0 {
		t.Errorf("every command waits %s", a.wait)
	}
	for _, name := range []string{"test", "up", "bisect", "night"} {
		cmd, _, err := root.Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		want := "0"
		if name == "night" {
			want = "1h0m0s"
		}
		if got := cmd.Flags().Lookup("wait").DefValue; got != want {
			t.Errorf("%s: --wait is %s when it is not given, want %s", name, got, want)
		}
	}
}

// No lab is passed over in silence because of the name of its folder, a link
// or a file that cannot be read.
func TestLabDirs(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	write(t, root, map[string]string{
		"Client [old]/lab.hcl":  `lab "a" {}`,
		"terraform/main.hcl":    `resource "x" {}`,
		"plain/lab.hcl":         "\n  lab \"b\" {}",
		"plain/inside/lab.hcl":  `lab "c" {}`,
		".git/lab.hcl":          `lab "d" {}`,
		"lost/deep/er/more.hcl": "machine \"x\" {}\nlab \"e\" {}",
	})
	write(t, elsewhere, map[string]string{"real/lab.hcl": `lab "f" {}`})
	for link, to := range map[string]string{"linked": filepath.Join(elsewhere, "real"), "nowhere": "gone", "again": "plain"} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "dangling"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("gone", filepath.Join(root, "dangling", "lab.hcl")); err != nil {
		t.Fatal(err)
	}
	got, err := labDirs([]string{root, filepath.Join(root, "plain")})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, dir := range got {
		dir, _ = strings.CutPrefix(dir, root+"/")
		dir, _ = strings.CutPrefix(dir, elsewhere+"/")
		names = append(names, dir)
	}
	for _, want := range []string{"Client [old]", "plain", "real", "lost/deep/er", "dangling"} {
		if !strings.Contains("|"+strings.Join(names, "|")+"|", "|"+want+"|") {
			t.Errorf("%s is left out: %q", want, names)
		}
	}
	if len(names) != 5 {
		t.Errorf("found %q", names)
	}
}

// A patch of the definition is not taken for a file of that name in the folder
// where cron started the night.
func TestNightJobNamesThePatchOfTheDefinition(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"openssl/other.sh": "#!/bin/sh\n", "lab/fix.sh": "#!/bin/sh\n"})
	t.Chdir(dir)
	m := &lab.Machine{Name: "web", Image: &lab.Image{OS: lab.Linux}}
	l := &lab.Lab{Name: "dental", Dir: filepath.Join(dir, "lab"), Machines: []*lab.Machine{m}}
	l.Patches = []*lab.Patch{{Name: "openssl", Kind: lab.PatchScript, Script: filepath.Join(dir, "lab/fix.sh"), Targets: l.Machines}}
	job, ok := nightJob(l, arrival{"openssl", false}, testOptions{})
	if !ok || job.Err != nil || job.Arg != "openssl" {
		t.Errorf("%q is tested: %v", job.Arg, job.Err)
	}
	job, _ = nightJob(l, arrival{"lab/fix.sh", true}, testOptions{})
	if !filepath.IsAbs(job.Arg) {
		t.Errorf("%q is looked for in another folder", job.Arg)
	}
}

// What is in the way of one lab's incoming patches takes nothing else away.
func TestNightPatchesBesideTrouble(t *testing.T) {
	l := &lab.Lab{Dir: t.TempDir(), Patches: []*lab.Patch{{Name: "own"}}}
	write(t, l.Dir, map[string]string{incoming: "a file"})
	list, err := nightPatches(l, []arrival{{"/drop/all.deb", true}}, nil)
	if err == nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestNightCode(t *testing.T) {
	trouble := &lab.HostError{Op: "tell everybody", Err: errors.New("no mail")}
	for _, tt := range []struct {
		code int
		told error
		want error
	}{
		{exitOK, nil, nil},
		{exitOK, trouble, codeError(exitInconclusive)},
		{exitFail, trouble, codeError(exitFail)},
		{exitInterrupted, nil, codeError(exitInterrupted)},
		{exitFail, nil, codeError(exitFail)},
	} {
		var said strings.Builder
		got := (&app{stderr: &said}).nightCode(t.Context(), tt.code, tt.told)
		if got != tt.want { //nolint:errorlint // the very one
			t.Errorf("code %d, told %v: %v, want %v", tt.code, tt.told, got, tt.want)
		}
		if tt.told != nil && !strings.Contains(said.String(), "no mail") {
			t.Errorf("it is not said: %q", &said)
		}
	}
}

// That there was no night at all is told as well, but not that another one is
// at work.
func TestNoNight(t *testing.T) {
	store := openStore(t)
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got = append(got, string(text))
	}))
	defer server.Close()
	g := &ledger.Ledger{Dir: store.LedgerDir(), Runs: store.AllRunsDir(), Host: "h"}
	metrics := filepath.Join(t.TempDir(), "night.prom")
	tell := &telling{
		app: &app{stderr: io.Discard}, store: store, metrics: metrics,
		targets: []notify.Target{{When: notify.OnFail, URL: "webhook+" + server.URL}},
	}
	if err := tell.noNight(t.Context(), g, time.Now(), &lab.BusyError{What: "lab"}); err != nil || len(got) > 0 {
		t.Errorf("another night at work: %v, %q", err, got)
	}
	if err := tell.noNight(t.Context(), g, time.Now(), usagef("", "cannot look for patches in /drop")); err != nil {
		t.Error(err)
	}
	if len(got) != 1 || !strings.Contains(got[0], "There was no night: cannot look for patches in /drop") {
		t.Errorf("told %q", got)
	}
	text, err := os.ReadFile(metrics)
	if err != nil || !strings.Contains(string(text), "patchlab_last_night_exit_code 2") {
		t.Errorf("%v:\n%s", err, text)
	}
}
