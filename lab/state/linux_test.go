package state

import (
	stdcmp "cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
)

func sum(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// survey surveys m, whose root is root.
func survey(t *testing.T, m *machine, root string) *lab.State {
	t.Helper()
	s := Surveyor{Redact: strings.NewReplacer("hunter22", "(sensitive)").Replace, root: root}
	st, err := s.Survey(t.Context(), m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: -want +got\n%s", what, d)
	}
}

func TestLinux(t *testing.T) {
	m, root := linuxMachine(t, lab.Watch{Commands: []lab.WatchedCommand{{Name: "modules", Run: "echo b hunter22; exit 3"}}})
	st := survey(t, m, root)
	same(t, "gaps", []string(nil), st.Gaps)
	want := map[lab.StateKind]map[string]string{
		lab.StateOS:      {"kernel": "6.1.0-18-amd64 #1 SMP Debian 6.1.76-1", "build": "Debian GNU/Linux 12 (bookworm)"},
		lab.StatePackage: {"apache2:amd64": "2.4.57-2", "half:amd64": "3 (half-configured)"},
		lab.StateService: {
			"apache2.service": "active enabled", "bad.service": "failed", "loop.service": "restarting",
			"getty@tty1.service": "active enabled", "getty@.service": "enabled", "ssh.socket": "inactive disabled",
		},
		lab.StateFailed: {"bad.service": "failed", "cloud-final.service": "failed"},
		lab.StatePort: {
			"udp 192.168.1.10%ens3:68": "systemd-network", "tcp 0.0.0.0:22": "sshd", "tcp *:80": `a\" b,apache2`, "tcp [::]:22": "unknown",
		},
		lab.StateUser:  {"root": "0 root /root /bin/bash locked", "ana": "1000 ana /home/ana /bin/bash"},
		lab.StateGroup: {"root": "0", "ana": "1000", "sudo": "27 ana,zoe"},
		lab.StateTimer: {
			"apt-daily.timer": "active enabled", "fstrim.timer": "inactive disabled", "/etc/cron.daily/apt-compat": "enabled",
			"/etc/crontab: 17 * * * *": "root cd / && run-parts /etc/cron.hourly", "/etc/cron.d/php: 09,39 * * * *": "root /usr/lib/php/sessionclean",
			"/var/spool/cron/crontabs/ana: @daily": "true",
		},
		lab.StateFirewall: {
			"nft inet filter input: type filter hook input priority filter; policy drop;": "there",
			"nft inet filter input: tcp dport 22 counter accept":                          "there",
			"nft inet filter input": fmt.Sprintf("2 lines, in order %.12s", sum("type filter hook input priority filter; policy drop;\ntcp dport 22 counter accept\n")),
		},
		lab.StateFile: {},
		lab.StateError: {
			"sshd[<n>]: error: kex_exchange_identification: read: Connection reset by <addr> port <n>": "2",
			"kernel: nvme0: I/O error at <hex> token=(sensitive)":                                      "1",
		},
		lab.StateCommand: {"modules": "3 " + sum("b hunter22\n")},
		lab.StateDisk:    {"/": "900", "/srv/my data": "2"},
		lab.StateMemory:  {"used": "100"},
		lab.StateBoot:    {"boot": "13"},
	}
	same(t, "items", want, st.Items)
	same(t, "texts", map[string]string{"command:modules": "b (sensitive)\n"}, st.Texts)
	if len(m.ran) != 2 {
		t.Errorf("%d commands, want the survey and the watched one", len(m.ran))
	}
}

func TestLinuxFiles(t *testing.T) {
	m, root := linuxMachine(t, lab.Watch{Paths: []string{"/etc", "/srv", "/etc/", "/etc/alternatives/www", "/missing"}})
	long := strings.Repeat("x", 70<<10)
	huge := strings.Repeat("y", 2<<20)
	write(t, root, map[string]string{
		"etc/.pwd.lock": "", "etc/a.conf": "password=hunter22\n", "etc/ssl/web.pem": "-----BEGIN RSA PRIVATE KEY-----\nabc\n", "etc/ssl/web.key": "k",
		"etc/ssh/ssh_host_rsa_key": "k2", "etc/bin": "\x7fELF\x00", "etc/long": long, "srv/huge": huge,
		"srv/a\\n b\n\x1b[31mc'$(id)": "odd", "data/www/index": "hello", "srv/-n": "dash", "srv/*": "star",
	})
	must(t, os.Symlink("../../data/www", filepath.Join(root, "etc/alternatives_www")))
	must(t, os.MkdirAll(filepath.Join(root, "etc/alternatives"), 0o750))
	must(t, os.Chmod(filepath.Join(root, "etc/alternatives"), 0o750))
	must(t, os.Symlink("../../data/www", filepath.Join(root, "etc/alternatives/www")))
	must(t, os.Link(filepath.Join(root, "etc/a.conf"), filepath.Join(root, "etc/b.conf")))
	must(t, os.Chmod(filepath.Join(root, "etc/b.conf"), 0o4755)) // of both
	must(t, os.Chmod(filepath.Join(root, "etc/b.conf"), 0o600|os.ModeSetuid))
	st := survey(t, m, root)
	same(t, "gaps", []string(nil), st.Gaps)
	me := owner()
	for name, want := range map[string]string{
		"/etc/a.conf": "file 4600 " + me + " " + sum("password=hunter22\n"), "/etc/b.conf": "file 4600 " + me + " " + sum("password=hunter22\n"),
		"/etc/ssl/web.key": "file 0644 " + me + " " + sum("k"), "/etc/shadow": "file 0644 " + me + " " + sum("root:*:19000:0:99999:7:::\nana:$6$salt$hash:19000:0:99999:7:::\n"),
		"/etc/bin": "file 0644 " + me + " " + sum("\x7fELF\x00"), "/etc/long": "file 0644 " + me + " " + sum(long), "/srv/huge": "file 0644 " + me + " " + sum(huge),
		"/etc/alternatives_www": "link 0777 " + me + " ../../data/www", "/etc/alternatives": "dir 0750 " + me, "/etc/alternatives/www/index": "file 0644 " + me + " " + sum("hello"),
		`/srv/a\n b\nc'$(id)`: "file 0644 " + me + " " + sum("odd"), "/srv/-n": "file 0644 " + me + " " + sum("dash"), "/srv/*": "file 0644 " + me + " " + sum("star"),
		"/etc/.pwd.lock": "", "/missing": "",
	} {
		if got := st.Items[lab.StateFile][name]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"/etc/a.conf": "password=(sensitive)\n", "/etc/b.conf": "password=(sensitive)\n", "/etc/alternatives/www/index": "hello",
		"/etc/ssl/web.pem": "", "/etc/ssl/web.key": "", "/etc/ssh/ssh_host_rsa_key": "", "/etc/shadow": "", "/etc/bin": "", "/etc/long": "",
	} {
		if got := st.Texts["file:"+name]; got != want {
			t.Errorf("text of %s: %q, want %q", name, got, want)
		}
	}
	if _, empty := st.Texts["file:/etc/ssl/web.key"]; empty {
		t.Error("a secret file has a text")
	}
	if len(m.ran) != 3 {
		t.Errorf("%d commands, want 3", len(m.ran))
	}
}

// owner is who makes files here, as linuxMachine's /etc/passwd and /etc/group
// name them.
func owner() string {
	names := map[int]string{0: "root", 1000: "ana"}
	return stdcmp.Or(names[os.Getuid()], fmt.Sprint(os.Getuid())) + ":" + stdcmp.Or(names[os.Getgid()], fmt.Sprint(os.Getgid()))
}

func TestLinuxGaps(t *testing.T) {
	m, root := linuxMachine(t, lab.Watch{Paths: []string{"/etc/crontab", "/odd"}, Commands: []lab.WatchedCommand{{Name: "ok", Run: "true"}}})
	m.script(t, "systemctl", "echo 'System has not been booted with systemd' >&2; exit 1")
	write(t, root, map[string]string{"odd/a\\n\nb\\": "odd", "odd/plain": "plain"})
	m.script(t, "df", "exit 4")
	m.script(t, "ss", "printf 'MARK end ports 0 \\n\\033[31mhostile'; echo a >&2; exit 2")
	m.script(t, "tar", "echo no tar >&2; exit 127")
	m.script(t, "nft", "kill -9 $$")
	must(t, os.Remove(filepath.Join(root, "proc/meminfo")))
	must(t, os.Remove(filepath.Join(root, "etc/shadow")))
	must(t, os.Remove(filepath.Join(root, "etc/group")))
	st := survey(t, m, root)
	for _, kind := range []lab.StateKind{lab.StateService, lab.StateFailed, lab.StateTimer, lab.StateBoot, lab.StateDisk, lab.StatePort, lab.StateMemory, lab.StateFirewall, lab.StateGroup} {
		if items, there := st.Items[kind]; there {
			t.Errorf("%s: %v, want none", kind, items)
		}
	}
	user, _, _ := strings.Cut(owner(), ":")
	for name, text := range map[string]string{`/odd/a\n\nb\`: "odd", "/odd/plain": "plain"} { // hashed over there; without /etc/group
		if got := st.Items[lab.StateFile][name]; got != fmt.Sprintf("file 0644 %s:%d %s", user, os.Getgid(), sum(text)) {
			t.Errorf("without tar, %s is %q", name, got)
		}
	}
	if len(st.Items[lab.StatePackage]) != 2 || len(st.Items[lab.StateCommand]) != 1 {
		t.Errorf("what could be looked at is missing: %v", st.Items)
	}
	for _, want := range []string{
		"services: exit code 1: System has not been booted with systemd", "disks: exit code 4", "ports: exit code 2: a",
		"contents of some watched files: exit code 127: no tar", "memory: /proc/meminfo does not say what is available",
	} {
		if !slices.Contains(st.Gaps, want) {
			t.Errorf("no gap %q in %q", want, st.Gaps)
		}
	}
}

// TestThisHost takes stock of the system that the test runs on, whatever it
// has: it only reads.
func TestThisHost(t *testing.T) {
	m := &machine{def: lab.Machine{Name: "here", Image: &lab.Image{OS: lab.Linux}, Watch: lab.Watch{Paths: []string{"/etc"}}}}
	st := survey(t, m, "")
	for kind, items := range st.Items {
		t.Logf("%s: %d", kind, len(items))
	}
	t.Logf("gaps: %q", st.Gaps)
	for _, kind := range []lab.StateKind{lab.StateOS, lab.StateGroup, lab.StateMemory} {
		if len(st.Items[kind]) == 0 {
			t.Errorf("no %s", kind)
		}
	}
	if got := st.Items[lab.StateFile]["/etc/passwd"]; !strings.HasPrefix(got, "file 0") || st.Texts["file:/etc/passwd"] == "" {
		t.Errorf("/etc/passwd is %q", got)
	}
	if _, kept := st.Texts["file:/etc/shadow"]; kept {
		t.Error("the text of /etc/shadow is kept")
	}
	if d := lab.CompareStates("here", st, st); d != nil {
		t.Errorf("differs from itself: %v", d)
	}
}
