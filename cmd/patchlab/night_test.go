package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/night"
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
	write(t, elsewhere, map[string]string{"real/lab.hcl": `lab "f" {}`, "text": `lab "g" {}`, "empty/readme": "nothing"})
	for link, to := range map[string]string{
		"linked": filepath.Join(elsewhere, "real"), "nowhere": "gone", "again": "plain", "loop": "loop",
		"readme": filepath.Join(elsewhere, "text"), "folder": filepath.Join(elsewhere, "empty"), ".#lab.hcl": "jane@host.12",
	} {
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
	for _, want := range []string{"Client [old]", "plain", "real", "lost/deep/er", "dangling", "nowhere", "loop"} {
		if !strings.Contains("|"+strings.Join(names, "|")+"|", "|"+want+"|") {
			t.Errorf("%s is left out: %q", want, names)
		}
	}
	if len(names) != 7 {
		t.Errorf("found %q", names)
	}
}

// A lab behind a link, in a folder that may not be read, is told as broken.
func TestLabDirsLocked(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	root, elsewhere := t.TempDir(), t.TempDir()
	write(t, root, map[string]string{"ok/lab.hcl": `lab "a" {}`})
	write(t, elsewhere, map[string]string{"locked/lab.hcl": `lab "b" {}`})
	locked := filepath.Join(elsewhere, "locked")
	if err := os.Symlink(locked, filepath.Join(root, "linked")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(locked, 0o700) })
	if got, err := labDirs([]string{root}); err != nil || !slices.Contains(got, locked) {
		t.Errorf("%q, %v", got, err)
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
	l.Dir = t.TempDir()
	if list, err := nightPatches(l, nil, nil); err != nil || len(list) != 1 {
		t.Errorf("without such a folder: %v, %v", list, err)
	}
	if err := os.Symlink("/not/mounted", filepath.Join(l.Dir, incoming)); err != nil {
		t.Fatal(err)
	}
	if list, err := nightPatches(l, nil, nil); err == nil || len(list) != 1 {
		t.Errorf("a folder on a share that is not mounted: %v, %v", list, err)
	}
}

// What is not whole is left alone: a folder as well, but not for ever.
func TestArrivals(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"a.deb": "x", ".hidden": "x", "b.deb.part": "x", "lost+found/x": "x",
		"november/a.deb": "x", "november/b.deb.part": "x",
		"october/a.deb": "x", "october/b.deb.part": "x", "whole/a.deb": "x",
	})
	old := time.Now().Add(-25 * time.Hour)
	for _, name := range []string{"october/b.deb.part", "b.deb.part"} {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	list, err := arrivals([]string{dir}, true)
	var names []string
	for _, a := range list {
		names = append(names, filepath.Base(a.name))
	}
	if got := strings.Join(names, " "); got != "a.deb october whole" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

// The back-out that is asked for, by the definition or the night, is of the job.
func TestNightJobWantsBackout(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"fix.sh": "#!/bin/sh\n"})
	m := &lab.Machine{Name: "web", Image: &lab.Image{OS: lab.Linux}}
	l := &lab.Lab{Name: "dental", Dir: dir, Machines: []*lab.Machine{m}}
	fix := &lab.Patch{Name: "fix", Kind: lab.PatchScript, Script: filepath.Join(dir, "fix.sh"), Targets: l.Machines}
	l.Patches = []*lab.Patch{fix}
	for _, tt := range []struct {
		option     bool
		definition *lab.Backout
		want       bool
	}{{false, nil, false}, {true, nil, true}, {false, &lab.Backout{}, true}} {
		fix.Backout = tt.definition
		job, _ := nightJob(l, arrival{"fix", false}, testOptions{backout: tt.option})
		if job.Err != nil || job.Backout != tt.want {
			t.Errorf("%+v: %v, %v", tt, job.Backout, job.Err)
		}
	}
}

// The metrics are about the night's own labs: another night tells of its own.
func TestNightLabs(t *testing.T) {
	root := t.TempDir()
	n := newNightLabs([]string{root})
	n.dirs["moved"] = filepath.Join(root, "new")
	entry := func(labName, host, dir string) ledger.Entry {
		return ledger.Entry{Kind: ledger.Run, Host: host, Lab: labName, Definition: &lab.Fingerprint{Dir: dir}}
	}
	entries := []ledger.Entry{
		entry("moved", "h", "/releases/42/moved"), entry("moved", "other", "/elsewhere"),
		entry("broken", "h", filepath.Join(root, "broken")), entry("broken", "h", "/before/broken"),
		entry("foreign", "h", "/srv/other"), entry("remote", "other", filepath.Join(root, "remote")),
		{Lab: "odd"},
	}
	var names []string
	for _, e := range n.of(entries, "h") {
		names = append(names, e.Lab)
	}
	if got := strings.Join(names, " "); got != "moved moved broken broken" {
		t.Errorf("got %s", got)
	}
}

// What no target took is kept for the next night.
func TestNightThatIsNotTold(t *testing.T) {
	store := openStore(t)
	root := t.TempDir()
	write(t, root, map[string]string{"labs/broken/lab.hcl": "lab \"b\" {\n"})
	states := func() []string {
		list, err := filepath.Glob(filepath.Join(store.NightDir(), "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	g := &ledger.Ledger{Dir: store.LedgerDir(), Runs: store.AllRunsDir(), Host: "h"}
	for _, tt := range []struct {
		url  string
		left int
	}{{"webhook+" + server.URL, 1}, {"", 0}} {
		a := &app{stdout: io.Discard, stderr: io.Discard}
		tell := &telling{app: a, store: store, labs: newNightLabs([]string{root})}
		if tt.url != "" {
			tell.targets = []notify.Target{{When: notify.OnFail, URL: tt.url}}
		}
		sum, told, err := a.nightRuns(t.Context(), store, g, tell, []string{root}, night.Options{IfChanged: true}, nightOptions{})
		if err != nil || sum.Code != 2 || (told != nil) != (tt.left > 0) || len(states()) != tt.left {
			t.Errorf("%q: %+v, told %v, %v; left %q", tt.url, sum, told, err, states())
		}
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
	if err != nil || !strings.Contains(string(text), "patchlab_last_night_exit_code{night=\"night\"} 2") {
		t.Errorf("%v:\n%s", err, text)
	}
}
