package patch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

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

// pending says what the script finds on a machine that has these commands, and
// nothing else of those that it asks for.
func pending(t *testing.T, running string, kernels []string, commands map[string]string) string {
	t.Helper()
	m := newShelled(t)
	m.command("uname", "echo "+running+"\n")
	for _, name := range []string{"dpkg", "rpm", "needrestart", "needs-restarting", "dnf"} {
		if script, ok := commands[name]; ok {
			m.command(name, script)
		}
	}
	for _, k := range kernels {
		write(t, filepath.Join(m.root, "boot", "vmlinuz-"+k), "")
	}
	for name, text := range commands {
		if strings.HasPrefix(name, "/") {
			write(t, m.root+name, text)
		}
	}
	script := strings.NewReplacer("/run/", m.root+"/run/", "/boot/", m.root+"/boot/", "/usr/lib", m.root+"/usr/lib").Replace(rebootScript)
	// What the host itself has must not count.
	for _, name := range []string{"dpkg", "rpm", "needrestart", "needs-restarting", "dnf"} {
		if _, ok := commands[name]; !ok {
			script = strings.ReplaceAll(script, "command -v "+name+" ", "false ")
			script = strings.ReplaceAll(script, "command -v "+name+";", "false;")
		}
	}
	out, err := m.Run(t.Context(), lab.Command{Shell: script})
	if err != nil || out.ExitCode != 0 {
		t.Fatalf("exit code %d, %v: %s", out.ExitCode, err, out.Stderr)
	}
	return strings.TrimSpace(string(out.Stdout))
}

func TestRebootScript(t *testing.T) {
	rescue := "0-rescue-9f8e7d"
	ask := "cat <<'E'\nCore libraries or services have been updated since boot-up:\n  * glibc\n  * systemd\n\nReboot is required to fully utilize these updates.\nE\nexit 1"
	for name, c := range map[string]struct {
		running  string
		kernels  []string
		commands map[string]string
		want     string
	}{
		"nothing":                   {"5.14.0-362.el9.x86_64", []string{"5.14.0-362.el9.x86_64", rescue}, map[string]string{"rpm": ""}, ""},
		"kernel by rpm":             {"5.14.0-70.el9.x86_64", []string{"5.14.0-70.el9.x86_64", "5.14.0-362.el9.x86_64", rescue}, map[string]string{"rpm": ""}, "kernel 5.14.0-362.el9.x86_64 is installed, 5.14.0-70.el9.x86_64 is running"},
		"other flavour":             {"5.14.21-150500.55-default", []string{"5.14.21-150500.55-default", "6.4.0-rt"}, map[string]string{"rpm": ""}, ""},
		"older kernel":              {"6.4.0-2-default", []string{"6.4.0-1-default"}, map[string]string{"rpm": ""}, ""},
		"no kernel":                 {"6.4.0-2-default", nil, map[string]string{"rpm": ""}, ""},
		"SUSE's flag":               {"6.4.0", nil, map[string]string{"rpm": "", "/run/reboot-needed": ""}, "the package manager asks for it"},
		"debian's flag":             {"6.1.0", nil, map[string]string{"/run/reboot-required": "", "/run/reboot-required.pkgs": "libc6\nlibc6\n"}, "the system asks for it because of libc6"},
		"needs-restarting":          {"6.4.0", nil, map[string]string{"rpm": "", "needs-restarting": ask}, "needs-restarting asks for it because of glibc systemd"},
		"needs-restarting, not now": {"6.4.0", nil, map[string]string{"rpm": "", "needs-restarting": "echo 'Reboot should not be necessary.'; exit 0"}, ""},
		"dnf with the plug-in":      {"6.4.0", nil, map[string]string{"rpm": "", "dnf": ask, "/usr/lib/python3.9/site-packages/dnf-plugins/needs_restarting.py": ""}, "needs-restarting asks for it because of glibc systemd"},
		"dnf without":               {"6.4.0", nil, map[string]string{"rpm": "", "dnf": ask}, ""},
		"a failing tool":            {"6.4.0", nil, map[string]string{"rpm": "", "needs-restarting": "echo Error; exit 1"}, ""},
		"rpm on Debian":             {"6.1.0", nil, map[string]string{"dpkg": "exit 1", "rpm": "", "needs-restarting": ask}, ""},
	} {
		if got := pending(t, c.running, c.kernels, c.commands); strings.TrimSpace(got) != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestStale(t *testing.T) {
	proc, n := t.TempDir(), 0
	process := func(cgroup, maps string) {
		n++
		write(t, filepath.Join(proc, fmt.Sprint(n), "maps"), maps)
		if cgroup != "" {
			write(t, filepath.Join(proc, fmt.Sprint(n), "cgroup"), cgroup)
		}
	}
	const at = "7f52e7c28000-7f52e7e28000 "
	old := at + "r-xp 00026000 08:01 1234                      /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)\n"
	process("0::/system.slice/apache2.service\n", "55d0-55d1 r--p 0 08:01 1 /usr/sbin/apache2\n"+old)
	process("0::/system.slice/apache2.service\n", old)
	process("12:cpu:/\n1:name=systemd:/system.slice/system-getty.slice/getty@tty1.service\n0::/\n", old)
	process("0::/user.slice/user-1000.slice/user@1000.service/app.slice/bus.service\n", at+"r-xp 0 08:01 1 /opt/a b/lib.so;5f3a (deleted)\n")
	process("0::/init.scope\n", old)
	process("0::/user.slice/user-0.slice/session-3.scope\n", old)
	process("", old) // it ended meanwhile
	for _, harmless := range []string{
		"r--p 0 08:01 1 /usr/lib/libc.so (deleted)", "rw-s 0 00:01 2 /dev/zero (deleted)", "r-xs 0 00:01 2 /memfd:jit (deleted)", "r-xp 0 00:01 2 /tmp/x (deleted)",
		"r-xp 0 00:01 2 /SYSV00000000 (deleted)", "r-xp 0 08:01 1 /usr/lib/libc.so", "r-xp 0 00:00 0 [vdso]", "r-xp 0 08:01 1 /home/usr/lib/x (deleted)",
	} {
		process("0::/system.slice/harmless.service\n", at+harmless+"\n")
	}
	m := newShelled(t)
	out, err := m.Run(t.Context(), lab.Command{Shell: staleCommand(proc)})
	if err != nil || out.ExitCode != 0 {
		t.Fatalf("exit code %d, %v: %s", out.ExitCode, err, out.Stderr)
	}
	want := []string{"apache2.service", "getty@tty1.service", "init.scope", "user@1000.service"}
	if got := parseStale(string(out.Stdout)); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if err := os.RemoveAll(proc); err != nil {
		t.Fatal(err)
	}
	if out, err = m.Run(t.Context(), lab.Command{Shell: staleCommand(proc)}); err != nil || out.ExitCode != 0 || len(out.Stdout) != 0 {
		t.Errorf("nothing there: %+v, %v", out, err)
	}
	services, err := Applier{}.Stale(t.Context(), &machine{t: t, replies: []reply{{word: "maps", stdout: string(out.Stdout) + "process\n0::/a.service\n"}}})
	if !reflect.DeepEqual(services, []string{"a.service"}) || err != nil {
		t.Errorf("%q, %v", services, err)
	}
}

func FuzzParseStale(f *testing.F) {
	f.Add("process\n0::/system.slice/a.service\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n := len(parseStale(text + strings.Repeat("process\n0::/a.service\n", 3))); n > mostStale {
			t.Fatalf("%d services", n)
		}
	})
}
