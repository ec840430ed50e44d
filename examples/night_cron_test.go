package examples_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// cronCommands are the commands of a crontab, as cron gives them to sh; skip
// is the number of fields before them.
func cronCommands(t *testing.T, name string, user bool) []string {
	t.Helper()
	entry := `^(?:@reboot|(?:[0-9*/,-]+ +){4}[0-9*/,-]+) +`
	if user {
		entry += `patchlab +`
	}
	line := regexp.MustCompile(entry + `(.+)$`)
	var commands []string
	for text := range strings.Lines(nightFile(t, name)) {
		text = strings.TrimSuffix(text, "\n")
		if text == "" || text[0] == '#' || regexp.MustCompile(`^[A-Z_]+=`).MatchString(text) {
			continue
		}
		m := line.FindStringSubmatch(text)
		if m == nil {
			t.Errorf("%s: not a line for cron: %s", name, text)
			continue
		}
		if strings.Contains(strings.ReplaceAll(m[1], `\%`, ""), "%") {
			t.Errorf("%s: cron makes a line end of %%: %s", name, text)
		}
		commands = append(commands, strings.ReplaceAll(m[1], `\%`, "%"))
	}
	return commands
}

func TestCrontabs(t *testing.T) {
	commands := append(cronCommands(t, "crontab", false), cronCommands(t, "cron.d-patchlab", true)...)
	if len(commands) != 3 {
		t.Fatal(commands)
	}
	for _, c := range commands {
		shellAccepts(t, c)
		if !strings.Contains(c, "/usr/local/bin/patchlab night /srv/labs") {
			t.Error(c)
		}
	}
	// After a reboot: at night, and not by day.
	for hour, want := range map[int]bool{21: false, 22: true, 23: true, 0: true, 5: true, 6: false, 8: false, 12: false} {
		out := atHour(t, strings.ReplaceAll(commands[2], "exec /usr/local/bin/patchlab", "echo"), hour)
		if strings.HasPrefix(out, "night ") != want {
			t.Errorf("%02d:00: %q", hour, out)
		}
	}
}

// shellAccepts checks a script's syntax.
func shellAccepts(t *testing.T, script string) {
	t.Helper()
	cmd := exec.Command("sh", "-n")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s\n%s", err, out, script)
	}
}

// atHour runs a script with a clock that shows the hour, and returns what it
// says, or "exit" when it fails.
func atHour(t *testing.T, script string, hour int) string {
	t.Helper()
	dir := fakes(t, map[string]string{"date": fmt.Sprintf("echo %02d", hour)})
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
	out, err := cmd.Output()
	if err != nil {
		return "exit"
	}
	return string(out)
}

// fakes makes a folder of scripts by their names.
func fakes(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
