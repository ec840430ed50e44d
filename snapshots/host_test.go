package snapshots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

func lockFile(t *testing.T, path string) *flock.Flock {
	t.Helper()
	f := flock.New(path)
	if ok, err := f.TryLock(); err != nil || !ok {
		t.Fatalf("cannot lock %s: %v", path, err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func environ(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestDefaultHome(t *testing.T) {
	if got, err := DefaultHome(environ("PATCHLAB_HOME", "/x/../y")); err != nil || got != "/y" {
		t.Errorf("with PATCHLAB_HOME: %q (%v)", got, err)
	}
	if os.Geteuid() == 0 {
		if got, err := DefaultHome(environ("HOME", "/root")); err != nil || got != "/var/lib/patchlab" {
			t.Errorf("root: %q (%v)", got, err)
		}
		return
	}
	for _, tt := range []struct{ state, home, want string }{
		{"/s", "/h", "/s/patchlab"}, {"relative", "/h", "/h/.local/state/patchlab"}, {"", "/h", "/h/.local/state/patchlab"},
	} {
		if got, err := DefaultHome(environ("XDG_STATE_HOME", tt.state, "HOME", tt.home)); err != nil || got != tt.want {
			t.Errorf("%+v: %q (%v)", tt, got, err)
		}
	}
	if _, err := DefaultHome(environ()); err == nil {
		t.Error("a home was made up")
	}
}

func TestDefaultRuntime(t *testing.T) {
	got := DefaultRuntime(environ("XDG_RUNTIME_DIR", "/run/user/7"))
	fallback := DefaultRuntime(environ())
	want, wantFallback := "/run/user/7/patchlab", fmt.Sprintf("/tmp/patchlab-%d", os.Geteuid())
	if os.Geteuid() == 0 {
		want, wantFallback = "/run/patchlab", "/run/patchlab"
	}
	if got != want || fallback != wantFallback {
		t.Errorf("%q and %q, want %q and %q", got, fallback, want, wantFallback)
	}
}

func TestClaimDir(t *testing.T) {
	base := t.TempDir()
	fresh := filepath.Join(base, "a", "b")
	if err := (owner{}).claimDir(fresh); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(fresh); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder is %v (%v)", info, err)
	}
	open := filepath.Join(base, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(fresh, link); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{open, link, file} {
		var host *lab.HostError
		if err := (owner{}).claimDir(dir); !errors.As(err, &host) {
			t.Errorf("%s: %v, want a HostError", dir, err)
		}
	}
}

func TestReachable(t *testing.T) {
	private := t.TempDir()
	if err := os.Chmod(private, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(private, "home")
	other := owner{agent.Owner{UID: 64055, GID: 64055, Other: true, User: "q"}}
	if err := other.check(dir); err == nil || !strings.Contains(err.Error(), private) {
		t.Errorf("error is %v, want one that names %s", err, private)
	}
	if err := (owner{}).check(dir); err != nil {
		t.Errorf("an ordinary user: %v", err)
	}
	for _, tt := range []struct {
		st   syscall.Stat_t
		want bool
	}{
		{syscall.Stat_t{Mode: 0o711}, true},
		{syscall.Stat_t{Mode: 0o700}, false},
		{syscall.Stat_t{Mode: 0o077, Uid: 64055}, false},
		{syscall.Stat_t{Mode: 0o701, Gid: 64055}, false},
		{syscall.Stat_t{Mode: 0o710, Gid: 64055}, true},
	} {
		if got := other.mayWalk(&tt.st); got != tt.want {
			t.Errorf("mode %04o of %d:%d: %v", tt.st.Mode, tt.st.Uid, tt.st.Gid, got)
		}
	}
}

func TestChooseAccel(t *testing.T) {
	for _, want := range []string{"kvm", "tcg"} {
		if got, _, err := ChooseAccel(environ("PATCHLAB_ACCEL", want)); err != nil || got != want {
			t.Errorf("PATCHLAB_ACCEL=%s gives %q (%v)", want, got, err)
		}
	}
	var usage *lab.UsageError
	if _, _, err := ChooseAccel(environ("PATCHLAB_ACCEL", "xen")); !errors.As(err, &usage) {
		t.Errorf("PATCHLAB_ACCEL=xen gives %v", err)
	}
}

func TestCanKVM(t *testing.T) {
	dir := t.TempDir()
	device, info := filepath.Join(dir, "kvm"), filepath.Join(dir, "cpuinfo")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(info, "processor\t: 0\nflags\t\t: fpu vmx sse\n")
	if err := canKVM(device, info); err == nil {
		t.Error("kvm without a device")
	}
	write(device, "")
	if err := canKVM(device, info); err != nil {
		t.Errorf("device and vmx: %v", err)
	}
	write(info, "processor\t: 0\nmodel name\t: vmx svm\nflags\t\t: fpu novmx sse\n")
	if err := canKVM(device, info); err == nil {
		t.Error("kvm without the processor's flag")
	}
}

// testHost is an ordinary user's host that has everything.
func testHost(t *testing.T) host {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{
		drivers[0]: "", nvramTemplates[0]: "",
		"/etc/subuid": "joan:100000:65536\n", "/etc/subgid": "joan:100000:65536\n",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return host{
		root: root, euid: 1000, user: "joan",
		env:      environ("PATCHLAB_ACCEL", "kvm", "PATCHLAB_HOME", filepath.Join(root, "home"), "XDG_RUNTIME_DIR", "/run/user/1000"),
		lookPath: func(name string) (string, error) { return "/usr/bin/" + name, nil },
		qemuUser: func() (agent.Owner, error) { return agent.Owner{}, nil },
		mem:      func() (memory, error) { return memory{8192, 4096}, nil },
		free:     func(string) (uint64, error) { return 50 << 30, nil },
	}
}

func TestExamineAllWell(t *testing.T) {
	for _, f := range testHost(t).examine() {
		if f.Status != StatusOK || f.Fix != "" || f.Name == "" || f.Detail == "" {
			t.Errorf("finding %+v, want ok", f)
		}
	}
}

func TestExamine(t *testing.T) {
	remove := func(h *host, path string) { _ = os.Remove(h.at(path)) }
	write := func(h *host, path, text string) {
		_ = os.MkdirAll(filepath.Dir(h.at(path)), 0o700)
		_ = os.WriteFile(h.at(path), []byte(text), 0o600)
	}
	for name, tt := range map[string]struct {
		change func(h *host)
		want   Finding // Detail: a part of it
	}{
		"no qemu": {
			func(h *host) {
				h.lookPath = func(n string) (string, error) {
					if n == "qemu-img" {
						return "", exec.ErrNotFound
					}
					return n, nil
				}
			},
			Finding{"qemu-img", StatusFail, "not installed", "sudo apt-get install qemu-utils"},
		},
		"no driver": {
			func(h *host) { remove(h, drivers[0]) },
			Finding{"libvirt's QEMU driver", StatusFail, "machines cannot run", "sudo apt-get install libvirt-daemon-driver-qemu"},
		},
		"no firmware": {
			func(h *host) { remove(h, nvramTemplates[0]) },
			Finding{"UEFI firmware", StatusWarn, "uefi", "sudo apt-get install ovmf"},
		},
		"no numbers": {
			func(h *host) { write(h, "/etc/subuid", "johann:1:2\n") },
			Finding{"/etc/subuid", StatusWarn, "cannot be built", "sudo usermod --add-subuids 100000-165535 joan"},
		},
		"no namespaces": {
			func(h *host) { write(h, "/proc/sys/kernel/unprivileged_userns_clone", "0\n") },
			Finding{"user namespaces", StatusWarn, "is 0", "sudo sysctl kernel.unprivileged_userns_clone=1"},
		},
		"little memory": {
			func(h *host) { h.mem = func() (memory, error) { return memory{1024, 512}, nil } },
			Finding{"memory", StatusWarn, "512 of 1024 MiB", ""},
		},
		"little disk": {
			func(h *host) { h.free = func(string) (uint64, error) { return 1 << 30, nil } },
			Finding{"disk", StatusWarn, "1024 MiB free", "export PATCHLAB_HOME=DIR   (on a larger disk)"},
		},
		"bad override": {
			func(h *host) { h.env = environ("PATCHLAB_ACCEL", "xen", "HOME", "/tmp") },
			Finding{"acceleration", StatusFail, "xen", "unset PATCHLAB_ACCEL"},
		},
		"emulation": {
			func(h *host) { h.env = environ("PATCHLAB_ACCEL", "tcg", "HOME", "/tmp") },
			Finding{"acceleration", StatusWarn, "PATCHLAB_ACCEL says so", ""},
		},
		"SELinux": {
			func(h *host) { h.euid = 0; write(h, "/sys/fs/selinux/enforce", "1") },
			Finding{"confinement", StatusWarn, "SELinux", "run patchlab as an ordinary user, or set security_driver = \"none\" in qemu.conf of the libvirt root"},
		},
		"closed device": {
			func(h *host) { h.euid = 0; write(h, "/dev/kvm", "") },
			Finding{"kvm device", StatusWarn, "mode 0600", "chgrp kvm /dev/kvm && chmod 0660 /dev/kvm"},
		},
		"no user of QEMU's": {
			func(h *host) {
				h.euid = 0
				h.qemuUser = func() (agent.Owner, error) {
					return agent.Owner{}, &lab.HostError{Op: "find it", Err: errBroken, Hint: "make setup"}
				}
			},
			Finding{"QEMU's user", StatusFail, "broken", "make setup"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := testHost(t)
			tt.change(&h)
			for _, f := range h.examine() {
				if f.Name != tt.want.Name {
					continue
				}
				if f.Status != tt.want.Status || f.Fix != tt.want.Fix || !strings.Contains(f.Detail, tt.want.Detail) {
					t.Errorf("finding is %+v, want %+v", f, tt.want)
				}
				return
			}
			t.Errorf("nothing was found about %q", tt.want.Name)
		})
	}
}

func TestSocketsFinding(t *testing.T) {
	h := testHost(t)
	if f := h.sockets("/" + strings.Repeat("x", 60)); f.Status != StatusFail || f.Fix != "export XDG_RUNTIME_DIR=/run/user/1000" {
		t.Errorf("finding is %+v", f)
	}
}

func TestHostRunner(t *testing.T) {
	var r hostRunner
	var out tail
	if err := r.Run(t.Context(), Tool{Name: "sh", Args: []string{"-c", "pwd; echo $X; exit 3"}, Env: []string{"X=y z"}, Stdout: &out}); err == nil {
		t.Error("exit 3 is no error")
	} else if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("error is %v", err)
	}
	if got := strings.Join(out.last(9), "|"); got != "/|y z" {
		t.Errorf("it printed %q", got)
	}
	if err := r.Run(t.Context(), Tool{Name: "no-such-program"}); !missing(err) {
		t.Errorf("a program that is not there: %v", err)
	}
}

// Ending a program ends its children too.
func TestHostRunnerKillsGroup(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pids := &firstLine{ready: make(chan string, 1)}
	errs := make(chan error, 1)
	go func() {
		errs <- hostRunner{}.Run(ctx, Tool{Name: "sh", Args: []string{"-c", "sleep 1000 & echo $!; wait"}, Stdout: pids})
	}()
	pid, err := strconv.Atoi(<-pids.ready)
	if err != nil {
		t.Fatal(err)
	}
	child, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(child) }()
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	const limit = 60_000 // ms; it takes a few
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(child), Events: unix.POLLIN}}, limit); n != 1 {
		t.Errorf("its child lives on (%v)", err)
	}
}

type firstLine struct{ ready chan string }

func (f *firstLine) Write(p []byte) (int, error) {
	select {
	case f.ready <- strings.TrimSpace(string(p)):
	default:
	}
	return len(p), nil
}

func TestTicking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shown := &steps{}
		err := ticking(shown, "building", func() error {
			time.Sleep(25 * time.Second)
			return errBroken
		})
		if !errors.Is(err, errBroken) {
			t.Errorf("error is %v", err)
		}
		if got := strings.Join(shown.texts, "|"); got != "building|building (10 s)|building (20 s)" {
			t.Errorf("shown: %s", got)
		}
	})
}

func TestTail(t *testing.T) {
	var tl tail
	for i := range 10000 {
		_, _ = fmt.Fprintf(&tl, "line %d\n\n", i)
	}
	if got := tl.last(2); len(got) != 2 || got[1] != "line 9999" || len(tl.data) > tailBytes {
		t.Errorf("last lines are %q, %d bytes are kept", got, len(tl.data))
	}
	if got := (&tail{}).last(3); len(got) != 0 {
		t.Errorf("of nothing: %q", got)
	}
}
