package state

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// transientUnits come and go by themselves.
var transientUnits = []string{"session-*.scope", "user@*.service", "user-runtime-dir@*.service", "run-*", "init.scope"}

// passingUnits work once per boot, or at a first one: only their failure says
// anything.
var passingUnits = []string{
	"systemd-fsck@*", "systemd-fsck-root.service", "systemd-fsckd.*", "cloud-init*", "cloud-config*", "cloud-final*",
	"systemd-hibernate*", "systemd-suspend*", "systemd-update-done.service", "systemd-timedated.service",
	"systemd-hostnamed.service", "systemd-localed.service", "systemd-ask-password-*",
}

// readUnits reads the units that the service manager holds in memory, as
// systemctl lists them, and behind a NUL their files (see parseUnitFiles).
func readUnits(st *stock, data []byte) error {
	loaded, files, ok := strings.Cut(string(data), "\x00")
	if !ok {
		return errors.New("a list is missing")
	}
	enabled := parseUnitFiles(files).states()
	active := map[string]string{}
	for line := range strings.Lines(loaded) {
		f := strings.Fields(strings.TrimLeft(line, " *●"))
		if len(f) < 4 || f[1] == "not-found" && f[2] == "inactive" {
			continue
		}
		active[f[0]] = activity(f[2], f[3])
	}
	if len(active) == 0 {
		return errors.New("it names no units")
	}
	for unit, a := range active {
		if a == "failed" && !anyMatch(transientUnits, unit) {
			st.set(lab.StateFailed, unit, "failed")
		}
		addUnit(st, unit, a, enabled[unit])
	}
	for unit, e := range enabled {
		if active[unit] == "" {
			addUnit(st, unit, "inactive", e)
		}
	}
	return nil
}

// activity is a unit's state, without the sub-states that mean the same.
func activity(active, sub string) string {
	switch {
	case sub == "auto-restart" || sub == "auto-restart-queued":
		return "restarting"
	case active == "reloading", active == "refreshing":
		return "active"
	}
	return active
}

// addUnit adds services, what starts them, and timers.
func addUnit(st *stock, unit, active, enabled string) {
	kind := lab.StateService
	switch path.Ext(unit) {
	case ".service", ".socket", ".path":
	case ".timer":
		kind = lab.StateTimer
	default:
		return
	}
	if anyMatch(transientUnits, unit) || anyMatch(passingUnits, unit) {
		return
	}
	value := active + " " + enabled
	if strings.Contains(unit, "@.") {
		value = enabled // a template is never active
	}
	st.set(kind, unit, strings.TrimSpace(value))
}

func anyMatch(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, err := path.Match(p, name); ok && err == nil {
			return true
		}
	}
	return false
}

// readBooted reads when the boot was finished, in microseconds since the
// kernel began.
func readBooted(st *stock, data []byte) error {
	_, value, _ := strings.Cut(strings.TrimSpace(string(data)), "=")
	micros, err := strconv.ParseInt(value, 10, 64)
	if err != nil || micros <= 0 {
		return errors.New("it is not finished")
	}
	st.set(lab.StateBoot, "boot", fmt.Sprint((micros+500_000)/1_000_000))
	return nil
}
