package guest

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// busyPercent is from where on processors count as busy.
const busyPercent = 25

// Rest waits until the machine has settled and its processors are idle: busy
// for less than 25 % of 2 s, twice in a row. A machine that is still busy
// after limit is no error: why then says how much and with what, for the log,
// in one printable line. Errors are those of Settle, and a *lab.GuestError
// when the machine does not tell its load.
func (g *Guest) Rest(ctx context.Context, limit time.Duration, p lab.Progress) (why string, err error) {
	d, err := g.dialect()
	if err != nil {
		return "", err
	}
	p = lab.Quiet(p)
	start := time.Now()
	for idle := 0; idle < 2; {
		if err := g.Settle(ctx, p); err != nil {
			return "", err
		}
		answer, err := g.ask(ctx, d.load())
		if err != nil {
			return "", g.blame(ctx, "measure the load of", err)
		}
		percent, process, err := parseLoad(answer)
		if err != nil {
			return "", g.fail("measure the load of", err)
		}
		if percent < busyPercent {
			idle++
			continue
		}
		idle = 0
		why = fmt.Sprintf("still busy: %d %%", percent)
		if process != "" {
			why += fmt.Sprintf(" (process %s)", process)
		}
		if time.Since(start) >= limit {
			return why, nil
		}
		p.Step(fmt.Sprintf("waiting for %s to be idle (%s): %s", g.cfg.Machine.Name, seconds(time.Since(start)), why))
	}
	return "", nil
}

var loadAnswer = regexp.MustCompile(`^([0-9]{1,3})(?: (.*))?$`)

// parseLoad reads what load prints, which is printable already.
func parseLoad(answer string) (percent int, process string, err error) {
	m := loadAnswer.FindStringSubmatch(answer)
	if m == nil {
		return 0, "", fmt.Errorf("unexpected answer %q", answer)
	}
	percent, _ = strconv.Atoi(m[1]) // digits, and few
	if percent > 100 {
		return 0, "", fmt.Errorf("unexpected answer %q", answer)
	}
	return percent, lab.Printable(strings.TrimSpace(m[2]), 40), nil
}

// loadScript counts waiting for the disk as idle: the processors have nothing
// to do, and a process that hangs on a lost server would never be waited out.
// Stolen time is left out of the whole: it is this host's doing. Who is busy
// is looked for only where somebody is, since looking costs an emulated
// processor more than the idle machine itself does. A process's name may hold
// anything, also ")": what follows the last one is what counts.
const loadScript = `
sample() {
	read -r cpu user nice system idle iowait irq softirq rest <"$root/proc/stat" || exit 1
	busy=$((user + nice + system + ${irq:-0} + ${softirq:-0}))
	whole=$((busy + idle + ${iowait:-0}))
}
sample
busy0=$busy whole0=$whole
sleep 2
sample
whole=$((whole - whole0))
[ "$whole" -gt 0 ] || { echo "its processor time does not go on" >&2; exit 1; }
share=$(((busy - busy0) * 100 / whole))
[ "$share" -ge 0 ] || share=0
if [ "$share" -lt "$limit" ]; then
	echo "$share"
	exit
fi
process=$(
	{ cat "$root"/proc/[0-9]*/stat; echo ==; sleep 1; cat "$root"/proc/[0-9]*/stat; } 2>/dev/null | awk '
		/^==$/ { second = 1; next }
		{
			end = match($0, /\)[^)]*$/); start = index($0, " (")
			if (!end || !start || split(substr($0, end + 2), f, " ") < 13) next
			pid = $1; used = f[12] + f[13]
			if (!second) { before[pid] = used; next }
			if (used - before[pid] > most) { most = used - before[pid]; name = substr($0, start + 2, end - start - 2) }
		}
		END { print name }'
)
printf '%s %s\n' "$share" "$process"`

func (l linux) load() string {
	return l.script(loadScript, "limit", strconv.Itoa(busyPercent))
}
