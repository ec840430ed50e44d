//go:build e2e

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/site/browsertest"
)

// dental is the example that the tests share.
const dental = "../../examples/dental"

// debOf builds a package of one's own below dir and returns its path. Control
// is added to its fields; postinst is its maintainer script.
func debOf(t *testing.T, dir, name, version, control, postinst string) string {
	t.Helper()
	tree := filepath.Join(t.TempDir(), name)
	write := func(path, text string, mode os.FileMode) {
		path = filepath.Join(tree, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("DEBIAN/control", fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Lab <lab@harbour.lan>\n%sDescription: a patch of a test\n", name, version, control), 0o644)
	write("usr/share/"+name+"/version", version+"\n", 0o644)
	if postinst != "" {
		write("DEBIAN/postinst", "#!/bin/bash\nset -e\n[ \"$1\" = configure ] || exit 0\n"+postinst+"\n", 0o755)
	}
	out := filepath.Join(dir, name+".deb")
	if text, err := exec.Command("dpkg-deb", "--root-owner-group", "--build", tree, out).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v\n%s", err, text)
	}
	return out
}

// gauntletChecks are the checks that bad patches run into.
const gauntletChecks = `
check "apache runs and is started at boot" {
  from = machine.web
  service {
    unit    = "apache2"
    active  = true
    enabled = true
  }
}

patch "hangs" {
  files         = ["*.deb"]
  targets       = [machine.web]
  timeout       = "20s"
  verify_reboot = false
}
`

// speedCheck is for the patch that slows a page down alone: on a busy host a
// measurement may go wrong by chance.
const speedCheck = `
check "the page is as fast as before" {
  performance {
    url     = "http://192.168.1.10/page.php"
    samples = 5
    factor  = 1.5
    slack   = "100ms"
  }
}
`

// ordeal is one bad patch and what has to come of it.
type ordeal struct {
	name      string
	control   string // further fields of the package
	postinst  string
	script    string // instead of a package
	reboot    bool   // with the verifying reboot
	waits     bool   // most of its time: it goes beside others of its kind
	want      int    // exit code; 3 and 2 as well
	reason    string // in the verdict's reason
	condition lab.Condition
	limit     time.Duration // 5 min by default
	look      func(t *testing.T, rec lab.Record)
}

var ordeals = []ordeal{
	{name: "fails", postinst: "echo 'cannot migrate the database' >&2; exit 1", want: 1, reason: "post-installation"},
	{name: "hangs", waits: true, postinst: "echo waiting for the licence server; sleep 3600", want: 1, reason: "did not finish within 20s"},
	{name: "asks", postinst: "echo -n 'Overwrite the database? '; read -r answer; [ \"$answer\" = yes ]", want: 1, reason: "post-installation"},
	{name: "talks", postinst: "yes 'a long line of a talkative package' | head -c 200000000", want: 0, reason: "applied", look: smallLogs},
	{name: "garbles", postinst: `printf '\377\376\033[31mred\033]0;title\007 <script>alert(1)</script> %s\n' "$(printf '\302\233')"`, want: 0, reason: "applied"},
	{name: "garbles-and-fails", postinst: `printf '\377\376\033[31mred\033]0;title\007 <script>alert(1)</script>\n' >&2; exit 1`, want: 1, reason: "post-installation", look: harmlessReports},
	{name: "fills", postinst: "fallocate -l $(($(df --output=avail -B1 / | tail -1) - 65536)) /var/fill || true\ndd if=/dev/zero of=/var/fill2 bs=1M", want: 1, reason: "No space left on device"},
	{name: "sshd", waits: true, script: "systemctl stop ssh.socket ssh.service; rm -f /usr/sbin/sshd", want: 1, reason: "SSH", condition: lab.SSHGone},
	{name: "address", waits: true, script: "dev=$(ip -o -4 route show default | sed 's/.* dev //; s/ .*//'); ip address flush dev $dev; ip address add 192.168.1.77/24 dev $dev", want: 1, condition: lab.NetworkGone, limit: 15 * time.Minute},
	{name: "network", waits: true, script: "systemctl stop systemd-networkd.socket systemd-networkd; for d in /sys/class/net/e*; do ip link set ${d##*/} down; done", want: 1, condition: lab.NetworkGone, limit: 15 * time.Minute},
	{name: "poweroff", waits: true, script: "systemctl poweroff --force --force; sleep 60", want: 1, condition: lab.PoweredOff},
	{name: "later", postinst: "echo 'Nonsense on' >/etc/apache2/conf-enabled/broken.conf", reboot: true, want: 1, reason: "only since the reboot", limit: 8 * time.Minute, look: showsChange("file", "/etc/apache2/conf-enabled/broken.conf")},
	{name: "slow", postinst: "sed -i 's/150000/450000/' /var/www/html/page.php; systemctl reload apache2", want: 1, reason: "the page is as fast as before"},
	{name: "disables", postinst: "systemctl disable apache2", want: 1, reason: "apache runs and is started at boot", look: showsChange("service", "apache2.service")},
	{name: "needs", control: "Depends: libnowhere9 (>= 3)\n", want: 1, reason: "libnowhere9"},
}

// smallLogs looks whether the record of a talkative patch is small.
func smallLogs(t *testing.T, rec lab.Record) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(rec.Dir, "logs", "patch-*"))
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Size() > 33<<20 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
	}
}

// harmlessReports looks whether what a hostile patch printed is text and no
// more in the reports.
func harmlessReports(t *testing.T, rec lab.Record) {
	t.Helper()
	for _, name := range []string{"report.html", "junit.xml"} {
		text, err := os.ReadFile(filepath.Join(rec.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(text) || bytes.ContainsAny(text, "\x1b\x07\x00") || bytes.Contains(text, []byte("<script")) {
			t.Errorf("%s holds what the patch printed as it is", name)
		}
		if !bytes.Contains(text, []byte("&lt;script&gt;alert(1)")) {
			t.Errorf("%s does not show what the patch printed:\n%s", name, text)
		}
	}
	looksRight(t, browsertest.Open(t), filepath.Join(rec.Dir, "report.html"), "hostile")
}

func showsChange(kind lab.StateKind, name string) func(*testing.T, lab.Record) {
	return func(t *testing.T, rec lab.Record) {
		t.Helper()
		if !slices.ContainsFunc(rec.Changes, func(c lab.StateChange) bool { return c.Kind == kind && c.Name == name && c.Machine == "web" }) {
			t.Errorf("the difference does not show %s %s: %+v", kind, name, rec.Changes)
		}
	}
}

// Bad patches: each has the right verdict, in time, with a message that names
// the cause, and leaves nothing.
func TestE2EGauntlet(t *testing.T) {
	w := newWorld(t)
	for _, o := range ordeals {
		t.Run(o.name, func(t *testing.T) {
			mine := w.within(t)
			if o.waits {
				t.Parallel()
			}
			checks := gauntletChecks
			if o.name == "slow" {
				checks += speedCheck
			}
			dir := small(t, checks)
			patch := filepath.Join(dir, "patch.sh")
			if o.script != "" {
				script(t, dir, "patch.sh", o.script)
				debOf(t, dir, "unused", "1", "", "")
			} else {
				patch = debOf(t, dir, "plab-"+o.name, "1.0", o.control, o.postinst)
			}
			args := []string{dir, patch, "--target", "web"}
			if o.name == "hangs" {
				args = []string{dir, "hangs"}
			}
			started := time.Now()
			rec := mine.recordOf(o.reboot, o.want, args...)
			if limit := max(o.limit, 5*time.Minute); time.Since(started) > limit {
				t.Errorf("it took %s, the limit is %s", time.Since(started), limit)
			}
			if !strings.Contains(rec.Reason, o.reason) || !utf8.ValidString(rec.Reason) || strings.ContainsAny(rec.Reason, "\x1b\u009b") {
				t.Errorf("%s: %q, want %q in it", rec.Verdict, rec.Reason, o.reason)
			}
			if o.condition != "" && !slices.ContainsFunc(rec.Findings, func(f lab.Finding) bool { return f.Patch && f.Condition == o.condition }) {
				t.Errorf("no finding says %s: %+v", o.condition, rec.Findings)
			}
			if !rec.Receipt.Proven {
				t.Errorf("receipt %+v", rec.Receipt)
			}
			if o.look != nil {
				o.look(t, rec)
			}
			if !o.waits { // the others' time to be looked at is the test's end
				mine.nothingLeft()
			}
		})
	}
}

// A patch that breaks another machine's service fails by the check there.
func TestE2EBreaksAnotherMachine(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	rec := w.record(1, dental, script(t, dir, "lock.sh", "sed -i 's/^host booking.*/host booking booking 192.168.1.0\\/24 reject/' /etc/postgresql/15/main/pg_hba.conf; systemctl reload postgresql@15-main"), "--target", "db")
	if class := classOf(t, rec, "booking page shows free slots"); class != lab.ClassRegression {
		t.Errorf("the page is %s: %s", class, rec.Reason)
	}
	showsDB := slices.ContainsFunc(rec.Changes, func(c lab.StateChange) bool {
		return c.Machine == "db" && c.Name == "/etc/postgresql/15/main/pg_hba.conf" && strings.Contains(c.Diff, "reject")
	})
	if !showsDB {
		t.Errorf("the difference does not show the cause: %+v", rec.Changes)
	}
}

// What is there already says nothing; a truncated file is refused before
// anything is made; other bytes under the same name are another patch.
func TestE2ESameName(t *testing.T) {
	w := newWorld(t)
	rec := w.record(3, dental, filepath.Join(dental, "files", "harbour-booking_1.0_all.deb"), "--target", "web")
	if !strings.Contains(rec.Reason, "already-installed") {
		t.Errorf("installed already: %s: %s", rec.Verdict, rec.Reason)
	}

	dir := small(t, "")
	whole := debOf(t, dir, "plab-same", "1.0", "", "")
	first := w.record(0, dir, whole, "--target", "web")
	bytes, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	debOf(t, dir, "plab-same", "1.0", "", "systemctl stop apache2")
	second := w.record(1, dir, whole, "--target", "web")
	if first.Patch.SHA256 == second.Patch.SHA256 || first.Patch.Files[0].Name != second.Patch.Files[0].Name {
		t.Errorf("two files under one name: %+v and %+v", first.Patch, second.Patch)
	}
	if err := os.WriteFile(whole, bytes[:len(bytes)-100], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr := w.want(2, "test", dir, whole, "--target", "web"); !strings.Contains(stderr, "truncated") {
		t.Errorf("a truncated file: %s", stderr)
	}
}

// within is the world of a subtest.
func (w *world) within(t *testing.T) *world {
	mine := *w
	mine.t = t
	return &mine
}

// recordOf is record with or without the verifying reboot.
func (w *world) recordOf(reboot bool, code int, args ...string) lab.Record {
	w.t.Helper()
	if reboot {
		return w.recordRaw(code, args...)
	}
	return w.record(code, args...)
}

// Packages are backed out: a new one is removed, one that took another's place
// has to come from somewhere.
func TestE2EBackout(t *testing.T) {
	w := newWorld(t)
	dir := small(t, "")
	fresh := debOf(t, dir, "plab-fresh", "1.0", "", "echo 1 >/etc/plab-fresh.conf")
	rec := w.record(0, dir, fresh, "--target", "web", "--backout")
	if b := rec.Backout; b == nil || b.Result != lab.BackedOutLeaves || len(b.Left) != 1 || b.Left[0].Name != "/etc/plab-fresh.conf" {
		t.Errorf("a package that leaves a file: %+v", b)
	}
	clean := debOf(t, dir, "plab-clean", "1.0", "", "")
	rec = w.record(0, dir, clean, "--target", "web", "--backout")
	if b := rec.Backout; b == nil || b.Result != lab.BackedOutClean {
		t.Errorf("a clean package: %+v", b)
	}
	rec = w.record(0, dental, "booking-good", "--backout")
	if b := rec.Backout; b == nil || b.Result != lab.NoBackout || !strings.Contains(b.Reason, "harbour-booking") || rec.Verdict != lab.Pass {
		t.Errorf("a version that is nowhere any more: %+v", b)
	}
}

// Eight patches of which two break only together.
func TestE2EBisect(t *testing.T) {
	w := newWorld(t)
	dir := small(t, "")
	batch := filepath.Join(dir, "batch")
	if err := os.Mkdir(batch, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		post := ""
		switch i {
		case 2:
			post = "touch /var/lib/plab-half; [ ! -e /var/lib/plab-other ] || systemctl stop apache2"
		case 5:
			post = "touch /var/lib/plab-other; [ ! -e /var/lib/plab-half ] || systemctl stop apache2"
		}
		debOf(t, batch, fmt.Sprintf("plab-p%d", i), "1.0", "", post)
	}
	stdout, _ := w.want(1, "bisect", dir, batch, "--target", "web", "--no-verify-reboot", "--no-control")
	if !strings.Contains(stdout, "plab-p2") || !strings.Contains(stdout, "plab-p5") {
		t.Errorf("bisect says:\n%s", stdout)
	}
	t.Log(stdout)
	again, _ := w.want(1, "bisect", dir, batch, "--target", "web", "--no-verify-reboot", "--no-control")
	t.Log(again)
}

// What is suggested for a healthy lab validates and passes, and the broken
// patch fails by it.
func TestE2ESuggest(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "dental")
	if out, err := exec.CommandContext(context.Background(), "cp", "-r", dental, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Remove(filepath.Join(dir, "checks.hcl")); err != nil { // what is checked already is not suggested
		t.Fatal(err)
	}
	stdout, _ := w.want(0, "suggest", dir)
	t.Log(stdout)
	if err := os.WriteFile(filepath.Join(dir, "checks.hcl"), []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(0, "validate", dir)
	if rec := w.record(0, dir, "booking-good"); len(rec.Checks) < 6 {
		t.Errorf("only %d checks were suggested", len(rec.Checks))
	}
	rec := w.record(1, dir, "booking-broken")
	if rec.Verdict != lab.Fail {
		t.Errorf("the broken patch: %s: %s", rec.Verdict, rec.Reason)
	}
}
