package ledger

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// aptHost is a machine's apt in a folder: what is installed, what can be had.
// Nothing of this host's own apt is read or written, and no network is used.
type aptHost struct {
	dir string
	env []string
}

// stanza is a package as dpkg's status and a repository's list have it.
func stanza(installed bool, name, version, arch string) string {
	s := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: a <a@example.com>\nMulti-Arch: same\nDescription: x\n", name, version, arch)
	if arch == "all" {
		s = strings.Replace(s, "same", "foreign", 1)
	}
	if installed {
		return s + "Status: install ok installed\n\n"
	}
	return s + fmt.Sprintf("Filename: ./%s.deb\nSize: 1\nSHA256: %s\n\n", name, sumText(name+version+arch))
}

func newAptHost(t *testing.T, installed, offered, preferences string) *aptHost {
	t.Helper()
	if _, err := exec.LookPath("apt-cache"); err != nil {
		t.Skip("there is no apt here")
	}
	h := &aptHost{dir: t.TempDir()}
	for path, text := range map[string]string{
		"status": installed, "repo/Packages": offered, "etc/preferences.d/00-patchlab": preferences,
		"etc/sources.list":      "deb [trusted=yes] file:" + h.dir + "/repo ./\n",
		"state/lists/partial/x": "", "cache/archives/partial/x": "", "etc/apt.conf.d/x": "",
		"apt.conf": fmt.Sprintf(`Dir %q; Dir::Etc "%[1]s/etc"; Dir::State "%[1]s/state"; Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s/cache"; Dir::Log "%[1]s"; APT::Architecture "amd64"; APT::Architectures { "amd64"; "i386"; };
APT::Sandbox::User ""; Acquire::Languages "none";
`, h.dir),
	} {
		path = filepath.Join(h.dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.env = []string{"APT_CONFIG=" + h.dir + "/apt.conf", "LC_ALL=C", "PATH=" + os.Getenv("PATH"), "HOME=" + h.dir}
	h.run(t, "apt-get", "-q", "update")
	return h
}

// run returns what a command prints. Warnings are failures.
func (h *aptHost) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env, cmd.Dir = h.env, h.dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("%v: %v\n%s\n%s", args, err, errs.String(), out)
	}
	return string(out)
}

// candidate is what apt would install; "(none)" for nothing.
func (h *aptHost) candidate(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(h.run(t, "apt-cache", "policy", name)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "Candidate: "); ok {
			return value
		}
	}
	return ""
}

// TestExportAptIsObeyed lets apt read the preferences.
func TestExportAptIsObeyed(t *testing.T) {
	var offered, installed strings.Builder
	for _, p := range []string{
		"ssl 1:1.0-1 amd64", "ssl 1:1.0-1+deb12u1 amd64", "ssl 1:1.0-1+deb12u2 amd64", "ssl 1:1.0-1+deb12u1 i386", "ssl 1:1.0-1+deb12u2 i386",
		"g++ 1~rc1 amd64", "g++ 1 amd64", "g++ 2 amd64", "doc 1 all", "doc 2 all", "doc 3 all", "rest 1 amd64", "rest 2 amd64", "fresh 1 amd64", "fresh 2 amd64",
	} {
		f := strings.Fields(p)
		offered.WriteString(stanza(false, f[0], f[1], f[2]))
	}
	for _, p := range []string{"ssl 1:1.0-1 amd64", "g++ 2 amd64", "doc 1 all", "rest 1 amd64"} {
		f := strings.Fields(p)
		installed.WriteString(stanza(true, f[0], f[1], f[2]))
	}
	approved := []Entry{
		rolled("deb", "ssl", deb("ssl", "1:1.0-1+deb12u1", "amd64")), rolled("deb", "g++", deb("g++", "1", "amd64")),
		rolled("deb", "doc", deb("doc", "2", "all")), rolled("deb", "fresh", deb("fresh", "1", "amd64")),
		rolled("script", "hostile", deb("x", "*", "amd64"), deb("rest /.*/", "1", "all"), deb("rest", "/.*/", "amd64")),
	}
	h := newAptHost(t, installed.String(), offered.String(), exported(t, ExportApt, approved, "dental"))
	for name, want := range map[string]string{
		"ssl:amd64": "1:1.0-1+deb12u1", // the approved one, not the newest
		"ssl:i386":  "(none)",          // was not tested
		"g++":       "2",               // newer than what is approved: is not downgraded
		"doc":       "2",
		"fresh":     "1", // is not there, and comes in the approved version
		"rest":      "2", // nobody said anything of it
	} {
		if got := h.candidate(t, name); got != want {
			t.Errorf("%s: apt wants %s, want %s\n%s", name, got, want, h.run(t, "apt-cache", "policy", name))
		}
	}
	plan := h.run(t, "apt-get", "-s", "dist-upgrade")
	for line, want := range map[string]bool{"Inst rest ": true, "Inst doc ": true, "Remv ": false, "Inst g++": false} {
		if strings.Contains(plan, line) != want {
			t.Errorf("%q in the plan is %v\n%s", line, !want, plan)
		}
	}
}

// TestExportAptStaysClosed has what was approved and is no longer: it is
// rejected, or has run out, or was released again with other bytes.
func TestExportAptStaysClosed(t *testing.T) {
	s := newScene(t)
	path := s.arrived("ssl.deb", debOf(t, "ssl", "2", "one"))
	fresh := s.arrived("fresh.deb", debOf(t, "fresh", "2", "one"))
	again := s.arrived("again/ssl.deb", debOf(t, "ssl", "2", "two"))
	candidates := func(maxAge time.Duration) (ssl, newcomer, rest string) {
		t.Helper()
		set, err := s.Approved(s.lab.Name, s.present(), maxAge)
		must(t, err)
		var out bytes.Buffer
		must(t, Export(&out, ExportApt, s.lab.Name, set))
		h := newAptHost(t, stanza(true, "ssl", "1", "amd64")+stanza(true, "rest", "1", "amd64"),
			stanza(false, "ssl", "2", "amd64")+stanza(false, "ssl", "3", "amd64")+stanza(false, "fresh", "2", "amd64")+stanza(false, "rest", "2", "amd64"), out.String())
		return h.candidate(t, "ssl"), h.candidate(t, "fresh"), h.candidate(t, "rest")
	}
	expect := func(what string, maxAge time.Duration, ssl, newcomer string) {
		t.Helper()
		if a, b, rest := candidates(maxAge); a != ssl || b != newcomer || rest != "2" {
			t.Errorf("%s: apt wants ssl %s, fresh %s, rest %s", what, a, b, rest)
		}
	}
	expect("nobody knows it", 0, "3", "2")
	s.tested(lab.Pass, path)
	s.tested(lab.Pass, fresh)
	expect("passed", 0, "2", "2")
	expect("run out", time.Second, "1", "(none)")
	s.decided(Reject, time.Time{}, path)
	expect("rejected", 0, "1", "2")
	s.decided(Approve, time.Time{}, path)
	expect("approved", 0, "2", "2")
	s.tested(lab.Fail, again)
	expect("released again, and failed", 0, "1", "2")
	s.tested(lab.Pass, again)
	expect("released again, and passed", 0, "2", "2")
	s.lab.Machines[0].MemoryMiB = 256
	expect("the lab has changed", 0, "1", "(none)")
}

// TestExportAptOfTwoArchitectures has a package installed for two, which must
// be of one version, and approved for one of them.
func TestExportAptOfTwoArchitectures(t *testing.T) {
	var installed, offered string
	for _, arch := range []string{"amd64", "i386"} {
		installed += stanza(true, "ssl", "1", arch)
		offered += stanza(false, "ssl", "2", arch)
	}
	one := rolled("deb", "ssl", deb("ssl", "2", "amd64"))
	h := newAptHost(t, installed, offered, exported(t, ExportApt, []Entry{one}, "dental"))
	if got := h.candidate(t, "ssl:i386"); got != "1" {
		t.Errorf("apt wants %s of what was not tested", got)
	}
	if plan := h.run(t, "apt-get", "-s", "upgrade"); strings.Contains(plan, "Inst ") || strings.Contains(plan, "Remv ") {
		t.Errorf("apt would do more than leave both alone:\n%s", plan)
	}
	both := rolled("deb", "ssl", deb("ssl", "2", "amd64"), deb("ssl", "2", "i386"))
	h = newAptHost(t, installed, offered, exported(t, ExportApt, []Entry{both}, "dental"))
	if plan := h.run(t, "apt-get", "-s", "upgrade"); !strings.Contains(plan, "Inst ssl ") || !strings.Contains(plan, "Inst ssl:i386 ") {
		t.Errorf("apt leaves out what is approved:\n%s", plan)
	}
}

// TestExportAptOfMissing has an approved version that is no longer offered:
// nothing else takes its place.
func TestExportAptOfMissing(t *testing.T) {
	approved := []Entry{rolled("deb", "ssl", deb("ssl", "2", "amd64")), rolled("deb", "fresh", deb("fresh", "2", "amd64"))}
	h := newAptHost(t, stanza(true, "ssl", "1", "amd64"), stanza(false, "ssl", "3", "amd64")+stanza(false, "fresh", "3", "amd64"),
		exported(t, ExportApt, approved, "dental"))
	for name, want := range map[string]string{"ssl": "1", "fresh": "(none)"} {
		if got := h.candidate(t, name); got != want {
			t.Errorf("%s: apt wants %s, want %s", name, got, want)
		}
	}
}

// TestExportAptIsRead has apt read all golden sets without a complaint.
func TestExportAptIsRead(t *testing.T) {
	for set, entries := range exportedSets() {
		h := newAptHost(t, stanza(true, "sudo", "1", "amd64"), stanza(false, "sudo", "2", "amd64"), exported(t, ExportApt, entries, "dental"))
		want := "2"
		if set == "mixed" {
			want = "1"
		}
		if got := h.candidate(t, "sudo"); got != want {
			t.Errorf("%s: apt wants sudo %s, want %s", set, got, want)
		}
	}
}
