package guest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// freezeLimit is for updaters to end: the packages that one is installing are
// finished first.
const freezeLimit = 20 * time.Minute

// FreezeUpdaters stops and masks what changes a machine behind a test's back:
// the timers and services of automatic updates. It outlasts reboots, touches
// only units that exist, and may be called again. A unit that cannot be
// stopped is a *lab.GuestError that names it. Without systemd there is
// nothing to do.
func (g *Guest) FreezeUpdaters(ctx context.Context) error {
	d, err := g.dialect()
	if err != nil {
		return err
	}
	return g.do(ctx, "freeze the updaters of", d.freeze(), freezeLimit)
}

// do runs a command of the dialect that is done or says on stderr why not.
func (g *Guest) do(ctx context.Context, op, shell string, limit time.Duration) error {
	out, err := g.Run(ctx, lab.Command{Shell: shell, Timeout: limit})
	if err != nil {
		return g.blame(ctx, op, err)
	}
	return g.refused(op, out)
}

// refused makes an error of an exit code other than 0.
func (g *Guest) refused(op string, out lab.Output) error {
	if out.ExitCode == 0 {
		return nil
	}
	why := lab.Printable(strings.TrimSpace(string(out.Stderr)), 400)
	if why == "" {
		why = "it does not say why"
	}
	return g.fail(op, fmt.Errorf("exit code %d: %s", out.ExitCode, why))
}

// updaters are the units, and patterns of them, that FreezeUpdaters knows. A
// service is named where a timer alone does not keep it from running.
var updaters = []string{
	// Debian and Ubuntu
	"apt-daily.timer", "apt-daily-upgrade.timer", "apt-daily.service", "apt-daily-upgrade.service",
	"unattended-upgrades.service", "man-db.timer", "e2scrub_all.timer", "apt-news.service", "esm-cache.service",
	"ua-timer.timer", "motd-news.timer", "update-notifier-download.timer", "update-notifier-motd.timer",
	"snapd.refresh.timer", "snapd.snap-repair.timer",
	// RHEL and Fedora
	"dnf-makecache.timer", "dnf-automatic*.timer", "dnf5-automatic*.timer", "yum-makecache.timer", "yum-cron.service",
	"rpm-ostreed-automatic.timer",
	// SUSE
	"zypp-refresh*.timer", "zypp-refresh*.service", "packagekit-background.timer", "transactional-update.timer",
	"os-update.timer",
	// all of them
	"packagekit.service", "fstrim.timer", "fwupd-refresh.timer",
}

// freezeScript masks before it stops: nothing can start again in between; all
// at once, since systemd reads its units anew each time. A unit whose file lies in /etc itself cannot be masked: it gets a condition
// that is never true. Asking for units that don't exist makes some versions
// of systemctl exit with 1, but say nothing.
const freezeScript = `
[ -d "$root/run/systemd/system" ] || exit 0
listed=$(eval "systemctl list-unit-files --no-legend --no-pager --plain -- $units" 2>&1) || [ -z "$listed" ] || {
	printf '%s\n' "$listed" >&2
	exit 1
}
found= open= held= bad=
while read -r unit state rest; do
	case $unit in *@.*) continue ;; *.timer | *.service) ;; *) continue ;; esac
	found="$found $unit"
	[ "$state" = masked ] || open="$open $unit"
done <<EOF
$listed
EOF
[ -n "$found" ] || exit 0
hold() {
	for unit in $open; do
		systemctl mask -- "$unit" >/dev/null 2>&1 && continue
		dir=$root/etc/systemd/system/$unit.d
		if mkdir -p "$dir" && printf '[Unit]\nConditionPathExists=!/\n' >"$dir/patchlab.conf"; then
			held=1
		else
			bad="$bad $unit"
		fi
	done
}
[ -z "$open" ] || systemctl mask -- $open >/dev/null 2>&1 || hold
[ -z "$held" ] || systemctl daemon-reload || bad="$bad (reload)"
why=$(systemctl stop -- $found 2>&1)
for unit in $found; do
	read -r state
	case $state in active | activating | reloading | refreshing | deactivating | '') bad="$bad $unit" ;; esac
done <<EOF
$(systemctl is-active -- $found 2>/dev/null)
EOF
[ -z "$bad" ] && exit 0
printf 'still there:%s: %s\n' "$bad" "$why" >&2
exit 1`

func (l linux) freeze() string {
	return l.script(freezeScript, "units", Quote(updaters...))
}
