package patch

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// mostStale is how many services are named.
const mostStale = 100

// staleScript prints, for each process that has a deleted file of the system
// mapped as code, a line "process" and the lines of its control groups. What
// is replaced by a package manager or by a rename counts as deleted. Files of
// memory, of shared memory and in temporary folders are not the system's.
// $proc is where the processes are.
const staleScript = `
grep -slE '^[0-9a-f]+-[0-9a-f]+ ..x. [^ ]+ [^ ]+ [0-9]+ +/(usr|lib|lib32|lib64|bin|sbin|opt)/.* \(deleted\)$' "$proc"/[0-9]*/maps |
while IFS= read -r maps; do
	echo process
	while IFS= read -r line; do printf '%s\n' "$line"; done <"${maps%maps}cgroup"
done 2>/dev/null
exit 0`

// stale lists the services that still run files which were replaced or
// deleted, sorted, at most mostStale. Processes of no service, such as log-in
// sessions, are left out, but for the service manager itself, which is
// "init.scope".
func stale(ctx context.Context, j *job) ([]string, error) {
	if osOf(j.guest.Machine()) == lab.Windows {
		return windowsStale(ctx, j)
	}
	text, err := j.ask(ctx, staleCommand("/proc"))
	if err != nil {
		return nil, err
	}
	return parseStale(text), nil
}

func staleCommand(proc string) string { return "proc=" + guest.Quote(proc) + staleScript }

// parseStale finds the units of the processes. The first line of a process
// that names one decides: it has one for each hierarchy.
func parseStale(text string) []string {
	var units []string
	for process := range strings.SplitSeq("\n"+text, "\nprocess\n") {
		for line := range strings.Lines(process) {
			if unit := unitOf(strings.TrimSpace(line)); unit != "" {
				units = append(units, unit)
				break
			}
		}
	}
	slices.Sort(units)
	units = slices.Compact(units)
	return units[:min(len(units), mostStale)]
}

// unitForm is the name of a service, as systemd escapes it.
var unitForm = regexp.MustCompile(`^[A-Za-z0-9:_.@\\-]{1,248}\.service$`)

// unitOf is the unit in a line of /proc/PID/cgroup, "number:controllers:path":
// the outermost service of the path. Empty when there is none.
func unitOf(line string) string {
	f := strings.SplitN(line, ":", 3)
	if len(f) != 3 {
		return ""
	}
	if f[2] == "/init.scope" {
		return "init.scope"
	}
	for part := range strings.SplitSeq(f[2], "/") {
		if unitForm.MatchString(part) {
			return part
		}
	}
	return ""
}
