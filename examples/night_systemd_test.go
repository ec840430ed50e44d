package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// unitsHere copies the units to where they find a patchlab to start.
func unitsHere(t *testing.T) []string {
	t.Helper()
	patchlab := filepath.Join(fakes(t, map[string]string{"patchlab": "exit 0"}), "patchlab")
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"patchlab-night.service", "patchlab-night.timer", "patchlab-night-failed.service"} {
		path := filepath.Join(dir, name)
		text := strings.ReplaceAll(nightFile(t, name), "/usr/local/bin/patchlab", patchlab)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func TestUnitsAreAcceptedBySystemd(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	units := unitsHere(t)
	out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("verify: %v: %s", err, out)
	}
	// Exposure at most 2.0 of 10; above, the command fails.
	out, err = exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", units[0]).CombinedOutput()
	if err != nil && strings.Contains(string(out), "nrecognized option") {
		t.Skip("this systemd-analyze is too old for --offline")
	}
	if err != nil {
		t.Errorf("security: %v: %s", err, out)
	}
}

func TestService(t *testing.T) {
	text := nightFile(t, "patchlab-night.service")
	for _, want := range []string{
		"Type=oneshot", "User=patchlab", "SupplementaryGroups=kvm", "ProtectSystem=strict", "StateDirectory=patchlab",
		"Environment=PATCHLAB_HOME=%S/patchlab", "DevicePolicy=closed", "DeviceAllow=/dev/kvm rw", "NoNewPrivileges=yes",
		"KillMode=mixed", "TimeoutStopSec=3min", "OOMPolicy=continue", "OnFailure=patchlab-night-failed.service",
		"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	for _, never := range []string{"SuccessExitStatus", "\nMemoryDenyWriteExecute", "PrivateDevices=yes", "\nRestart="} {
		if strings.Contains(text, never) {
			t.Errorf("%s is in it", never)
		}
	}
	m := regexp.MustCompile(`(?m)^ExecCondition=/bin/sh -c '(.*)'$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatal("no ExecCondition")
	}
	script := strings.NewReplacer("$$", "$", "%%", "%").Replace(m[1])
	for hour := range 24 {
		if night := hour >= 22 || hour < 6; (atHour(t, script, hour) != "exit") != night {
			t.Errorf("%02d:00: it starts %v", hour, !night)
		}
	}
}

// The mail says to whom it goes, and what the night left in the journal.
func TestFailedServiceMails(t *testing.T) {
	text := strings.ReplaceAll(nightFile(t, "patchlab-night-failed.service"), "\\\n", "")
	m := regexp.MustCompile(`(?m)^ExecStart=/bin/sh -c '(.*)'$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatal("no ExecStart")
	}
	script := strings.NewReplacer("$$", "$", "%%", "%", `\\`, `\`).Replace(m[1])
	dir := fakes(t, map[string]string{
		"hostname": "echo spare", "systemctl": "echo Active: failed; exit 3", "journalctl": `echo "panic: $*"`,
		"sendmail": `echo "sendmail $*"; cat`,
	})
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", "PATCHLAB_MAIL_TO=jane@example.com"}
	out, err := cmd.CombinedOutput()
	want := "sendmail -i -t\nTo: jane@example.com\nSubject: patchlab: the night failed on spare\n\nActive: failed\n" +
		"panic: --no-pager --output=cat --lines=100 --unit=patchlab-night.service\n"
	if err != nil || string(out) != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}
