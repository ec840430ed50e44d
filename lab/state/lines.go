package state

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// readLines reads the short files: of the system, its users and groups, its
// memory and cron's tables.
func readLines(st *stock, frames map[string]frame) {
	files, order := fileLines(frames["lines"].data)
	readOS(st, files)
	readAccounts(st, files, frames["locked"])
	readMemory(st, files["proc/meminfo"])
	st.looked(lab.StateTimer)
	if f, ok := frames["lines"]; !ok || f.fault() != "" {
		st.gap("cron's tables", "they could not be read", lab.StateTimer)
	}
	for _, name := range order {
		if isCrontab(name) {
			readCrontab(st, "/"+name, files[name])
		}
	}
}

// fileLines reads what "grep -HZ" prints: a file's name, a NUL and a line of
// it.
func fileLines(data []byte) (files map[string][]string, order []string) {
	files = map[string][]string{}
	for line := range strings.Lines(string(data)) {
		name, text, ok := strings.Cut(line, "\x00")
		if !ok {
			continue // the rest of a name with a line end
		}
		if files[name] == nil {
			order = append(order, name)
		}
		files[name] = append(files[name], strings.TrimRight(text, "\r\n"))
	}
	return files, order
}

func readOS(st *stock, files map[string][]string) {
	kernel := strings.Join(append(files["proc/sys/kernel/osrelease"], files["proc/sys/kernel/version"]...), " ")
	if kernel == "" {
		st.gap("kernel and system", "there is no /proc", lab.StateOS)
		return
	}
	st.set(lab.StateOS, "kernel", kernel)
	release := map[string]string{}
	for _, line := range files["etc/os-release"] {
		name, value, _ := strings.Cut(line, "=")
		release[name] = strings.Trim(value, `"'`)
	}
	for _, name := range []string{"PRETTY_NAME", "VERSION", "NAME"} {
		if release[name] != "" {
			st.set(lab.StateOS, "build", release[name])
			return
		}
	}
}

// readMemory finds what is neither free nor could be at once.
func readMemory(st *stock, lines []string) {
	kib := map[string]int{}
	for _, line := range lines {
		var n int
		if name, value, ok := strings.Cut(line, ":"); ok {
			if _, err := fmt.Sscanf(value, "%d kB", &n); err == nil {
				kib[name] = n
			}
		}
	}
	total, available := kib["MemTotal"], kib["MemAvailable"]
	if total <= 0 || available <= 0 || available > total {
		st.gap("memory", "/proc/meminfo does not say what is available", lab.StateMemory)
		return
	}
	st.set(lab.StateMemory, "used", fmt.Sprint((total-available)>>10))
}

func isCrontab(name string) bool {
	for _, left := range []string{"~", ".dpkg-old", ".dpkg-new", ".dpkg-dist", ".ucf-dist", ".rpmnew", ".rpmsave", ".rpmorig"} {
		if strings.HasSuffix(name, left) {
			return false
		}
	}
	return name == "etc/crontab" || name == "etc/anacrontab" ||
		strings.HasPrefix(name, "etc/cron.d/") || strings.HasPrefix(name, "var/spool/cron/")
}

// cronLine matches a line of a crontab: when, and what. Comments, settings of
// the environment and empty lines do not match.
var cronLine = regexp.MustCompile(`^\s*(@\w+|[\d*][^\s=]*(?:\s+[\w*,/~?#LW-]+){4}|\d+\s+\d+\s+[\w.-]+)\s+(\S.*)$`)

// readCrontab makes an item of each time in a crontab: what is done then.
func readCrontab(st *stock, path string, lines []string) {
	for _, line := range lines {
		m := cronLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		st.add(lab.StateTimer, path+": "+words(m[1]), words(m[2]))
	}
}

// words is text with single spaces.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

// readCronJobs reads the paths of the scripts in /etc/cron.daily and its like.
func readCronJobs(st *stock, data []byte) error {
	for path := range strings.SplitSeq(string(data), "\x00") {
		if path != "" {
			st.add(lab.StateTimer, "/"+path, "enabled")
		}
	}
	return nil
}
