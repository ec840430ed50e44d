package check

import (
	"context"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// taskState is what a machine says of a scheduled task.
type taskState struct {
	enabled string // its word for that
	is      tri
	result  int64
	unknown string // why there is no result
}

// taskCheck looks at a scheduled task of Windows or a timer of systemd. The
// result of a timer's last run is known only since the system started.
func taskCheck(ctx context.Context, s *lab.TaskCheck, at place) finding {
	name := s.Name
	switch {
	case at.os == lab.Windows && !strings.HasPrefix(name, `\`):
		name = `\` + name
	case at.os == lab.Linux && !strings.HasSuffix(name, ".timer"):
		name += ".timer"
	}
	got, f := at.ask(ctx, scripts{lab.Linux: timerScript(name), lab.Windows: windowsTask(name)})
	if !f.passed() {
		return f
	}
	st, why := got.timer(name)
	if at.os == lab.Windows {
		st, why = got.windowsTask(name)
	}
	if why != "" {
		f.fault("%s", why)
		return f
	}
	f.seen = name
	f.expectState(&s.Enabled, st.enabled, st.is, "enabled", "disabled")
	f.seen = strings.Replace(f.seen, ", ", " is ", 1)
	if s.LastResult == nil {
		return f
	}
	if at.os == lab.Windows { // written as a signed number, or as one without a sign
		st.result = int64(int32(st.result)) //nolint:gosec // exit codes have 32 bits
	}
	switch want := int64(int32(*s.LastResult)); { //nolint:gosec // exit codes have 32 bits
	case st.unknown != "":
		f.fault("its last result is not known: %s", st.unknown)
	case st.result != want:
		f.fault("its last result is %d, want %d", st.result, *s.LastResult)
	default:
		f.seen += ", its last result is " + number(float64(*s.LastResult))
	}
	return f
}

// timerScript shows the timer, and the unit that it starts.
func timerScript(name string) string {
	return "name=" + guest.Quote(name) + `
fact timer; t=$(systemctl show --property=LoadState,UnitFileState,Unit -- "$name"); printf '%s\n' "$t"
unit=$(printf '%s\n' "$t" | sed -n 's/^Unit=//p')
[ -z "$unit" ] || { fact unit; systemctl show --property=ExecMainCode,ExecMainStatus,ExecMainExitTimestampMonotonic -- "$unit"; }`
}

// timer reads what systemctl shows. A static timer is enabled by another unit.
func (f facts) timer(name string) (st taskState, why string) {
	timer, unit := properties(f["timer"]), properties(f["unit"])
	switch timer["LoadState"] {
	case "":
		return st, "systemctl does not tell the state of " + name
	case "not-found":
		return st, "there is no timer " + name
	}
	st.enabled = timer["UnitFileState"]
	switch st.enabled {
	case "enabled", "enabled-runtime", "static", "alias", "indirect", "generated", "transient":
		st.is = yes
	case "disabled", "masked", "masked-runtime", "linked", "linked-runtime":
		st.is = no
	}
	code := facts(unit)
	n, ok := code.number("ExecMainStatus")
	ended, eok := code.number("ExecMainExitTimestampMonotonic")
	switch {
	case !ok || !eok:
		st.unknown = "systemctl does not tell"
	case ended == 0:
		st.unknown = "it has not run to its end since the system started"
	case unit["ExecMainCode"] != "1":
		st.unknown = "it was killed by a signal"
	}
	st.result = n
	return st, ""
}

// properties reads lines of KEY=VALUE.
func properties(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			all[k] = v
		}
	}
	return all
}

func windowsTask(name string) string {
	return "$name = " + guest.QuotePS(name) + `
$t = @(Get-ScheduledTask | Where-Object { ($_.TaskPath + $_.TaskName) -eq $name })
$f['count'] = "$($t.Count)"
if ($t.Count -eq 1) {
	$f['state'] = "$($t[0].State)"
	$f['enabled'] = "$($t[0].Settings.Enabled)"
	$f['result'] = "$(($t[0] | Get-ScheduledTaskInfo).LastTaskResult)"
}`
}

// Results of tasks that are none.
const (
	taskRunning   = 0x41301
	taskHasNotRun = 0x41303
)

func (f facts) windowsTask(name string) (st taskState, why string) {
	if n, ok := f.number("count"); !ok || n != 1 {
		return st, "there is no task " + name
	}
	switch st.enabled = strings.ToLower(f["state"]); f["enabled"] {
	case "True":
		st.is = yes
	case "False":
		st.is = no
	}
	n, ok := f.number("result")
	switch {
	case !ok:
		st.unknown = "Windows does not tell"
	case n == taskRunning:
		st.unknown = "it is running"
	case n == taskHasNotRun:
		st.unknown = "it has not run yet"
	}
	st.result = n
	return st, ""
}
