package patch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// shelled is a lab.Guest whose commands are run by this host's sh, with
// patchlab's own folders below root, and with the commands in root/bin before
// the host's.
type shelled struct {
	lab.Guest
	t    *testing.T
	root string
	ran  []string
}

func newShelled(t *testing.T) *shelled { return &shelled{t: t, root: t.TempDir()} }

func (m *shelled) Machine() *lab.Machine {
	return &lab.Machine{Name: "web", Image: &lab.Image{OS: lab.Linux}}
}

func (m *shelled) Run(ctx context.Context, c lab.Command) (lab.Output, error) {
	m.ran = append(m.ran, c.Shell)
	cmd := exec.CommandContext(ctx, "sh", "-c", strings.ReplaceAll(c.Shell, "/var/lib/patchlab", m.root+"/var/lib/patchlab"))
	cmd.Env = []string{"PATH=" + m.root + "/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "ROOT=" + m.root}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		m.t.Error(err)
	}
	if c.Stdout != nil {
		_, _ = io.Copy(c.Stdout, bytes.NewReader(stdout.Bytes()))
	}
	if c.Stderr != nil {
		_, _ = io.Copy(c.Stderr, bytes.NewReader(stderr.Bytes()))
	}
	return lab.Output{ExitCode: cmd.ProcessState.ExitCode(), Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}, nil
}

func (m *shelled) Upload(_ context.Context, src, dst string, mode fs.FileMode, _ lab.Progress) error {
	b, err := os.ReadFile(src)
	if err != nil {
		return err
	}
	dst = m.root + dst
	if err := os.MkdirAll(filepath.Dir(dst), 0o700); err != nil {
		return err
	}
	return os.WriteFile(dst, b, mode)
}

// command puts a fake command onto the machine.
func (m *shelled) command(name, script string) {
	m.t.Helper()
	if err := os.Chmod(write(m.t, filepath.Join(m.root, "bin", name), "#!/bin/sh\n"+script), 0o700); err != nil {
		m.t.Fatal(err)
	}
}

func (m *shelled) apply(p *lab.Patch) lab.PatchOutcome {
	m.t.Helper()
	out, err := Applier{}.Apply(m.t.Context(), p, m, nil, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

func (m *shelled) backout(p *lab.Patch, o lab.PatchOutcome) lab.BackoutOutcome {
	m.t.Helper()
	out, err := Applier{}.Backout(m.t.Context(), p, m, o, nil, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

func (m *shelled) confirm(p *lab.Patch, o lab.PatchOutcome) (bool, string) {
	m.t.Helper()
	in, message, err := Applier{}.Confirm(m.t.Context(), p, m, o)
	if err != nil {
		m.t.Fatal(err)
	}
	return in, message
}

// replacing is a folder "etc" of a machine with three files, and a patch for
// them: one that is changed, one through a link, and one that is new.
func replacing(t *testing.T) (m *shelled, p *lab.Patch, etc string) {
	m = newShelled(t)
	etc = filepath.Join(m.root, "etc")
	write(t, filepath.Join(etc, "app.conf"), "old")
	write(t, filepath.Join(etc, "real dir", "linked"), "old link")
	if err := os.Symlink("real dir/linked", filepath.Join(etc, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(etc, "app.conf"), 0o640); err != nil {
		t.Fatal(err)
	}
	host := t.TempDir()
	self := fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
	return m, &lab.Patch{
		Name: "conf", Kind: lab.PatchFile, Timeout: time.Minute,
		Replace: []lab.Replacement{
			{Source: write(t, filepath.Join(host, "a's"), "new"), Dest: filepath.Join(etc, "app.conf")},
			{Source: write(t, filepath.Join(host, "b"), "new link"), Dest: filepath.Join(etc, "link"), Mode: "0755"},
			{Source: write(t, filepath.Join(host, "c"), "brand new"), Dest: filepath.Join(etc, "new/deep/$x.conf"), Owner: self},
		},
	}, etc
}

func fileText(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func modeOf(t *testing.T, name string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestReplaceFiles(t *testing.T) {
	m, p, etc := replacing(t)
	out := m.apply(p)
	if out.Status != lab.Applied || !out.Started || !strings.Contains(out.Message, "link (a link to "+etc+"/real dir/linked)") || !strings.Contains(out.Message, "$x.conf (new)") {
		t.Fatalf("%+v", out)
	}
	if got := fileText(t, etc+"/app.conf") + fileText(t, etc+"/real dir/linked") + fileText(t, etc+"/new/deep/$x.conf"); got != "newnew linkbrand new" {
		t.Errorf("files hold %q", got)
	}
	if target, err := os.Readlink(etc + "/link"); err != nil || target != "real dir/linked" {
		t.Errorf("the link is %q, %v", target, err)
	}
	if a, b, c, d := modeOf(t, etc+"/app.conf"), modeOf(t, etc+"/link"), modeOf(t, etc+"/new/deep/$x.conf"), modeOf(t, etc+"/new"); a != 0o640 || b != 0o755 || c != 0o644 || d != 0o755 {
		t.Errorf("modes %o %o %o %o", a, b, c, d)
	}
	if in, message := m.confirm(p, out); !in || message != "all 3 files have the patch's content, owner and mode" {
		t.Errorf("%t, %q", in, message)
	}
	if again := m.apply(p); again.Status != lab.AlreadyInstalled || again.Started {
		t.Errorf("once more: %+v", again)
	}
	if b := m.backout(p, out); b.Status != lab.TakenOut {
		t.Fatalf("%+v", b)
	}
	checkAsBefore(t, m, etc)
	if in, message := m.confirm(p, out); in || !strings.Contains(message, "/etc/app.conf has another content: its SHA-256 is ") {
		t.Errorf("%t, %q", in, message)
	}
	if b := m.backout(p, out); b.Status != lab.CannotTakeOut || !strings.HasPrefix(b.Message, "the files that were replaced are no longer in "+keepRoot) {
		t.Errorf("once more: %+v", b)
	}
}

// checkAsBefore asserts that the files of replacing are as they were, and
// nothing is left.
func checkAsBefore(t *testing.T, m *shelled, etc string) {
	t.Helper()
	if got := fileText(t, etc+"/app.conf") + fileText(t, etc+"/real dir/linked") + fileText(t, etc+"/new/deep/$x.conf"); got != "oldold link-" {
		t.Errorf("files hold %q", got)
	}
	if a, b := modeOf(t, etc+"/app.conf"), modeOf(t, etc+"/link"); a != 0o640 || b != 0o600 {
		t.Errorf("modes %o %o", a, b)
	}
	var names []string
	for _, dir := range []string{"etc", "var/lib"} {
		_ = filepath.WalkDir(filepath.Join(m.root, dir), func(path string, d fs.DirEntry, _ error) error {
			if !d.IsDir() || d.Name() == "new" || strings.Contains(path, keepRoot) {
				names = append(names, d.Name())
			}
			return nil
		})
	}
	if len(names) != 3 {
		t.Errorf("there is %q", names)
	}
}

func TestReplaceFilesFails(t *testing.T) {
	m, p, etc := replacing(t)
	m.command("mv", `case $* in *deep*) echo "mv: cannot move it" >&2; exit 1; esac; exec /bin/mv "$@"`)
	out := m.apply(p)
	if out.Status != lab.PatchFailed || out.Message != "a file could not be replaced, and all were left as they were: mv: cannot move it" {
		t.Errorf("%+v", out)
	}
	checkAsBefore(t, m, etc)
	m.command("mv", `n=$(cat "$ROOT/n" 2>/dev/null); echo "$n." >"$ROOT/n"; [ "${#n}" -lt 1 ] || { echo "mv: read-only" >&2; exit 1; }; exec /bin/mv "$@"`)
	if out = m.apply(p); out.Status != lab.PatchFailed || out.Message != "a file could not be replaced, and not all could be put back: mv: read-only" {
		t.Errorf("%+v", out)
	}
}

func TestReplaceFilesRefuses(t *testing.T) {
	for name, c := range map[string]struct{ dest, want string }{
		"folder":   {"real dir", "it is a folder"},
		"circle":   {"circle", "a link that leads in a circle"},
		"device":   {"pipe", "it is no ordinary file"},
		"twice":    {"real dir/linked", "the patch has two files for"},
		"relative": {"../etc/x", "is no plain absolute path"},
	} {
		m, p, etc := replacing(t)
		if err := errors.Join(os.Symlink("circle", etc+"/circle"), exec.Command("mkfifo", etc+"/pipe").Run()); err != nil {
			t.Fatal(err)
		}
		p.Replace[2].Dest = etc + "/" + c.dest
		if out := m.apply(p); out.Status != lab.PatchFailed || !strings.Contains(out.Message, c.want) || out.Started {
			t.Errorf("%s: %+v", name, out)
		}
		if fileText(t, etc+"/app.conf") != "old" {
			t.Errorf("%s: a file was replaced", name)
		}
	}
	m, p, etc := replacing(t)
	p.Replace[0].Owner = "no-such-user-here"
	if out := m.apply(p); out.Status != lab.PatchFailed || !strings.Contains(out.Message, "all were left as they were") || !strings.Contains(out.Message, "no-such-user-here") {
		t.Errorf("unknown owner: %+v", out)
	}
	checkAsBefore(t, m, etc)
}

func TestRestart(t *testing.T) {
	m, p, etc := replacing(t)
	p.Restart = []string{"good", "bad"}
	m.command("systemctl", `echo "$*" >>"$ROOT/log"
case $* in
"restart -- bad") echo "Job for bad.service failed because it exited."; echo "See more."; exit 1 ;;
"-q is-failed"*) exit 1 ;;
esac`)
	m.command("journalctl", `case $* in *_SYSTEMD_UNIT=bad.service*) echo "no such option: frob" ;; esac`)
	out := m.apply(p)
	want := "the files are in place, but services cannot be restarted: service bad: Job for bad.service failed because it exited. Its log: no such option: frob"
	if out.Status != lab.PatchFailed || out.Message != want {
		t.Errorf("%+v", out)
	}
	m.command("systemctl", `echo "$*" >>"$ROOT/log"
case $* in "-q is-failed -- good bad" | "-q is-failed -- bad") exit 0 ;; "-q is-failed"*) exit 1 ;; esac`)
	write(t, p.Replace[0].Source, "newer")
	if out = m.apply(p); out.Message != "the files are in place, but services cannot be restarted: service bad: It failed after it was started. Its log: no such option: frob" {
		t.Errorf("%+v", out)
	}
	m.command("systemctl", `echo "$*" >>"$ROOT/log"; case $* in "-q is-failed"*) exit 1 ;; esac`)
	write(t, p.Replace[0].Source, "newest")
	if out = m.apply(p); out.Status != lab.Applied {
		t.Errorf("%+v", out)
	}
	if err := os.Remove(m.root + "/log"); err != nil {
		t.Fatal(err)
	}
	if b := m.backout(p, out); b.Status != lab.TakenOut || fileText(t, etc+"/app.conf") != "newer" {
		t.Errorf("%+v", b)
	}
	if got := fileText(t, m.root+"/log"); got != "restart -- good\nrestart -- bad\n-q is-failed -- good bad\n" {
		t.Errorf("systemctl was given %q", got)
	}
}
