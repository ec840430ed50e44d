package patch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// rooted is a lab.Guest whose dpkg and apt are this host's real ones, kept to
// a root folder of their own. Packages that it is given may hold no script
// that does more than exit.
type rooted struct {
	lab.Guest
	t        *testing.T
	name     string
	root     string
	commands []string
}

// moved are the places that are below the root.
var moved = []string{"/var/lib/dpkg", "/var/lib/patchlab-stage", "/var/cache/apt", "/etc/os-release"}

func newRooted(t *testing.T, name, release string) *rooted {
	t.Helper()
	m := &rooted{t: t, name: name, root: filepath.Join(t.TempDir(), "root")}
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/log/apt", "etc/apt", "bin"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(m.root, "var/lib/dpkg/status"), "Package: plabbase\nStatus: install ok installed\nMaintainer: Nobody <n@example.com>\nArchitecture: all\nVersion: 1\nDescription: always there\n\n")
	write(t, filepath.Join(m.root, "var/lib/dpkg/info/plabbase.list"), "")
	write(t, filepath.Join(m.root, "etc/os-release"), "ID=debian\nVERSION_CODENAME="+release+"\n")
	write(t, filepath.Join(m.root, "apt.conf"), strings.ReplaceAll(`Dir "ROOT";
Dir::State::status "ROOT/var/lib/dpkg/status";
Dir::Etc::parts "/dev/null";
Dir::Etc::main "/dev/null";
Dpkg::Options { "--root=ROOT"; "--log=/dev/null"; "--force-script-chrootless"; "--force-not-root"; };
Debug::NoLocking "true";
Acquire::Languages "none";
`, "ROOT", m.root))
	for _, tool := range []string{"dpkg", "dpkg-query"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		wrapper := write(t, filepath.Join(m.root, "bin", tool), "#!/bin/sh\nexec "+path+" --admindir="+m.root+"/var/lib/dpkg \"$@\"\n")
		if err := os.Chmod(wrapper, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *rooted) Machine() *lab.Machine {
	return &lab.Machine{Name: m.name, Image: &lab.Image{OS: lab.Linux}}
}

func (m *rooted) Run(ctx context.Context, c lab.Command) (lab.Output, error) {
	m.commands = append(m.commands, c.Shell)
	shell := c.Shell
	for _, p := range moved {
		shell = strings.ReplaceAll(shell, p, m.root+p)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-c", shell)
	cmd.Env = []string{"PATH=" + m.root + "/bin:/usr/sbin:/usr/bin:/sbin:/bin", "APT_CONFIG=" + m.root + "/apt.conf"}
	for k, v := range c.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		m.t.Error(err)
	}
	text := strings.ReplaceAll(stdout.String(), m.root, "")
	if c.Stdout != nil {
		_, _ = io.WriteString(c.Stdout, text)
	}
	if c.Stderr != nil {
		_, _ = c.Stderr.Write(stderr.Bytes())
	}
	return lab.Output{ExitCode: cmd.ProcessState.ExitCode(), Stdout: []byte(text), Stderr: stderr.Bytes()}, nil
}

func (m *rooted) Upload(_ context.Context, src, dst string, mode fs.FileMode, _ lab.Progress) error {
	b, err := os.ReadFile(src)
	if err != nil {
		return err
	}
	return os.WriteFile(m.root+dst, b, mode)
}

// has asserts which version of a package is there, empty: none, and what its
// file says.
func (m *rooted) has(name, version, says string) {
	m.t.Helper()
	j := Applier{}.job(nil, m, nil, nil)
	st, err := j.state(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	if got := versionOf(st, name+":all"); got != version {
		m.t.Errorf("%s is there in version %q, want %q", name, got, version)
	}
	b, err := os.ReadFile(filepath.Join(m.root, "usr/share", name, "says"))
	if version != "" && (err != nil || string(b) != says) {
		m.t.Errorf("%s says %q (%v), want %q", name, b, err, says)
	}
	if _, err := os.Stat(filepath.Join(m.root, stageRoot)); !errors.Is(err, fs.ErrNotExist) {
		m.t.Errorf("the stage is left: %v", err)
	}
}

// madeDeb describes a package to be built.
type madeDeb struct {
	name, version, says string
	fields              string // further lines of the control file
	postinst            string
}

// build makes the package in dir and returns its path.
func (d madeDeb) build(t *testing.T, dir string) string {
	t.Helper()
	tree := filepath.Join(t.TempDir(), "tree")
	write(t, filepath.Join(tree, "usr/share", d.name, "says"), d.says)
	write(t, filepath.Join(tree, "DEBIAN/control"), fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Nobody <n@example.com>\n%sDescription: made for a test\n", d.name, d.version, d.fields))
	if d.postinst != "" {
		if err := os.Chmod(write(t, filepath.Join(tree, "DEBIAN/postinst"), d.postinst), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(tree, "DEBIAN"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, cacheName(d.name, d.version, "all"))
	if out, err := exec.Command("dpkg-deb", "--build", tree, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// aptSources makes an archive of packages with the release's pocket and
// returns the folder with its sources.list.
func aptSources(t *testing.T, release string, debs ...madeDeb) string {
	t.Helper()
	dir := t.TempDir()
	arch, err := exec.Command("dpkg", "--print-architecture").Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages strings.Builder
	for _, d := range debs {
		path := d.build(t, filepath.Join(dir, "pool"))
		fields, err := exec.Command("dpkg-deb", "--field", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		rec, err := hashFile(path, "")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&packages, "%sFilename: pool/%s\nSize: %d\nSHA256: %s\n\n", fields, filepath.Base(path), rec.Size, rec.SHA256)
	}
	name := "main/binary-" + strings.TrimSpace(string(arch)) + "/Packages"
	write(t, filepath.Join(dir, "dists", release, name), packages.String())
	write(t, filepath.Join(dir, "dists", release, "Release"), fmt.Sprintf("Codename: %s\nSuite: %s\nArchitectures: %sComponents: main\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n %x %d %s\n",
		release, release, arch, sha256.Sum256([]byte(packages.String())), packages.Len(), name))
	write(t, filepath.Join(dir, "sources.list"), "deb [trusted=yes] file:"+dir+" "+release+" main\n")
	return dir
}

// installed brings packages onto the machine.
func (m *rooted) install(debs ...madeDeb) {
	m.t.Helper()
	p := &lab.Patch{Name: "before", Kind: lab.PatchDeb}
	for _, d := range debs {
		p.Files = append(p.Files, d.build(m.t, m.t.TempDir()))
	}
	if out := m.apply(p); out.Status != lab.Applied {
		m.t.Fatalf("%+v", out)
	}
}

func (m *rooted) apply(p *lab.Patch) lab.PatchOutcome {
	m.t.Helper()
	var log bytes.Buffer
	out, err := Applier{}.Apply(m.t.Context(), p, m, &log, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	if m.t.Failed() || testing.Verbose() {
		m.t.Log(log.String())
	}
	return out
}

func (m *rooted) backout(p *lab.Patch, o lab.PatchOutcome) lab.BackoutOutcome {
	m.t.Helper()
	var log bytes.Buffer
	out, err := Applier{}.Backout(m.t.Context(), p, m, o, &log, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	if testing.Verbose() {
		m.t.Log(log.String())
	}
	return out
}

// confirmed asserts what Confirm says.
func (m *rooted) confirmed(p *lab.Patch, o lab.PatchOutcome, want bool, message string) {
	m.t.Helper()
	in, got, err := Applier{}.Confirm(m.t.Context(), p, m, o)
	if err != nil || in != want || got != message {
		m.t.Errorf("confirmed %t, %q (%v), want %t, %q", in, got, err, want, message)
	}
}
