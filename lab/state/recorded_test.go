package state

import (
	"io"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// recorded reads what a machine with Debian 12, apache2 and postgresql printed:
// debian12.survey is all of linux.sh with the mark MARK and the watched paths
// /etc/apache2 and /missing; debian12.list-unit-files is that of systemctl
// there.
func recorded(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/debian12." + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestRecordedUnitFiles compares the states that are found with those that
// systemctl gave on the same machine.
func TestRecordedUnitFiles(t *testing.T) {
	frames, whole := parseFrames([]byte(recorded(t, "survey")), "MARK")
	_, files, ok := strings.Cut(string(frames["units"].data), "\x00")
	if !whole || !ok {
		t.Fatal("the recording has no units' files")
	}
	got := parseUnitFiles(files).states()
	want := map[string]string{ // instances, of which systemctl lists none
		"getty@tty1.service": "enabled", "serial-getty@ttyS0.service": "enabled-runtime", "postgresql@15-main.service": "enabled-runtime",
	}
	for line := range strings.Lines(recorded(t, "list-unit-files")) {
		f := strings.Fields(line)
		switch path.Ext(f[0]) {
		case ".service", ".socket", ".path", ".timer":
			want[f[0]] = f[1]
		}
	}
	if len(want) < 150 {
		t.Errorf("systemctl lists %d units", len(want))
	}
	same(t, "states", want, got)
}

func TestRecordedSurvey(t *testing.T) {
	m := &machine{def: lab.Machine{Name: "web", Image: &lab.Image{OS: lab.Linux}, Watch: lab.Watch{Paths: []string{"/etc/apache2", "/missing"}}}}
	m.run = func(c lab.Command) (lab.Output, error) {
		if len(m.ran) > 1 {
			return lab.Output{ExitCode: 1}, nil // the files' contents are no part of the recording
		}
		mark, err := io.ReadAll(c.Stdin)
		if err == nil {
			_, err = io.WriteString(c.Stdout, strings.ReplaceAll(recorded(t, "survey"), "\nMARK ", "\n"+strings.TrimSpace(string(mark))+" "))
		}
		return lab.Output{}, err
	}
	st := survey(t, m, "")
	for kind, want := range map[lab.StateKind]map[string]string{
		lab.StateOS:      {"kernel": "", "build": "Debian GNU/Linux 12 (bookworm)"},
		lab.StatePackage: {"apache2:amd64": "", "postgresql-15:amd64": "15.18-0+deb12u1"},
		lab.StateService: {
			"apache2.service": "active enabled", "postgresql@15-main.service": "active enabled-runtime", "getty@tty1.service": "active enabled",
			"getty@.service": "enabled", "ssh.socket": "inactive disabled", "unattended-upgrades.service": "inactive masked", "sshd.service": "inactive alias",
		},
		lab.StateTimer: {"phpsessionclean.timer": "active enabled", "fstrim.timer": "inactive masked", "/etc/cron.daily/apt-compat": "enabled"},
		lab.StatePort: {
			"udp 127.0.0.53%lo:53": "systemd-resolve", "udp 192.168.1.10%enp0s16:68": "systemd-network", "tcp 0.0.0.0:80": "apache2",
			"tcp [::1]:5432": "postgres", "tcp [::]:22": "sshd",
		},
		lab.StateUser:  {"root": "", "postgres": "100 postgres /var/lib/postgresql /bin/bash locked"},
		lab.StateGroup: {"ssl-cert": "102 postgres"},
		lab.StateDisk:  {"/": "843"},
		lab.StateBoot:  {"boot": "97"},
		lab.StateFile:  {"/etc/apache2": "dir 0755 root:root"},
	} {
		for name, value := range want {
			if got := st.Items[kind][name]; got == "" || value != "" && got != value {
				t.Errorf("%s %s: %q, want %q", kind, name, got, value)
			}
		}
	}
	for _, kind := range []lab.StateKind{lab.StateFirewall, lab.StateError, lab.StateFailed} {
		if items, looked := st.Items[kind]; len(items) > 0 || !looked {
			t.Errorf("%s: %v, want none", kind, items)
		}
	}
	for _, gap := range st.Gaps {
		if !strings.Contains(gap, "of some watched files") {
			t.Errorf("gap %q", gap)
		}
	}
}
