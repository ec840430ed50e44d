package guest

import (
	"os/exec"
	"strings"
	"testing"
)

// fakeSystemctl lists $ROOT/units, one "unit state active" a line, refuses to
// mask what is in $ROOT/unmaskable and to stop what is in $ROOT/stubborn, and
// writes down what it is asked.
const fakeSystemctl = `
cd "$ROOT"
verb=$1; shift
case $verb in
list-unit-files)
	while read -r u s a; do echo "$u $s enabled"; done <units
	[ -s units ]; exit ;;
mask)
	shift
	echo "mask $*" >>calls
	for u; do ! grep -qsx "$u" unmaskable || exit 1; done ;;
stop)
	echo "stop $*" >>calls
	[ ! -e stubborn ] || { echo "Job canceled." >&2; exit 1; } ;;
daemon-reload) echo reload >>calls ;;
is-active)
	shift
	for u; do if grep -qsx "$u" stubborn; then echo active; else echo inactive; fi; done
	exit 3 ;;
*) exit 99 ;;
esac`

func TestFreezeUpdaters(t *testing.T) {
	for _, c := range []struct {
		name, units, unmaskable, stubborn string
		calls, err, dropIn                string
	}{
		{name: "none there"},
		{
			name:  "some masked already",
			units: "apt-daily.timer enabled\nfstrim.timer masked\npackagekit.service static\ndnf-automatic@.timer x\n",
			calls: "mask apt-daily.timer packagekit.service|stop -- apt-daily.timer fstrim.timer packagekit.service",
		},
		{
			name:  "masked until the next reboot only",
			units: "apt-daily.timer masked-runtime\n",
			calls: "mask apt-daily.timer|stop -- apt-daily.timer",
		},
		{
			name:  "unit of the administrator's own",
			units: "apt-daily.timer enabled\n", unmaskable: "apt-daily.timer\n",
			calls:  "mask apt-daily.timer|mask apt-daily.timer|reload|stop -- apt-daily.timer",
			dropIn: "[Unit]\nConditionPathExists=!/\n",
		},
		{
			name:  "all masked",
			units: "apt-daily.timer masked\n",
			calls: "stop -- apt-daily.timer",
		},
		{
			name:  "cannot be stopped",
			units: "apt-daily.timer enabled\nfstrim.timer enabled\n", stubborn: "fstrim.timer\n",
			calls: "mask apt-daily.timer fstrim.timer|stop -- apt-daily.timer fstrim.timer",
			err:   `cannot freeze the updaters of machine "web": exit code 1: still there: fstrim.timer: Job canceled.`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRooted(t)
			r.command("systemctl", fakeSystemctl)
			r.folder("/run/systemd/system")
			r.file("units", c.units)
			r.file("unmaskable", c.unmaskable)
			if c.stubborn != "" {
				r.file("stubborn", c.stubborn)
			}
			err := r.FreezeUpdaters(t.Context())
			if c.err != "" {
				wantFault(t, err, c.err)
			} else if err != nil {
				t.Error(err)
			}
			if got := strings.ReplaceAll(strings.TrimSpace(r.read("calls")), "\n", "|"); got != c.calls {
				t.Errorf("calls\n%s, want\n%s", got, c.calls)
			}
			if got := r.read("/etc/systemd/system/apt-daily.timer.d/patchlab.conf"); got != c.dropIn {
				t.Errorf("drop-in %q, want %q", got, c.dropIn)
			}
		})
	}
}

func TestFreezeUpdatersWithoutSystemd(t *testing.T) {
	r := newRooted(t)
	r.command("systemctl", "exit 1")
	if err := r.FreezeUpdaters(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFreezeUpdatersThatCannotBeListed(t *testing.T) {
	r := newRooted(t)
	r.command("systemctl", `printf 'Failed to connect to \033[31mbus\n' >&2; exit 1`)
	r.folder("/run/systemd/system")
	wantFault(t, r.FreezeUpdaters(t.Context()),
		`cannot freeze the updaters of machine "web": exit code 1: Failed to connect to bus`)
}

// TestScriptsAreShell has each shell there is read every script: machines
// have dash, bash or BusyBox as sh.
func TestScriptsAreShell(t *testing.T) {
	l := linux{}
	for _, shell := range []string{"sh", "dash", "bash", "busybox sh"} {
		words := strings.Fields(shell)
		if _, err := exec.LookPath(words[0]); err != nil {
			continue
		}
		for name, text := range map[string]string{
			"freeze": freezeScript, "load": loadScript, "trim": trimScript, "plant": plantScript, "wake": wakeScript,
			"a whole one": l.wake("0123456789abcdef"),
		} {
			cmd := exec.Command(words[0], append(words[1:], "-n")...)
			cmd.Stdin = strings.NewReader(text)
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s: %s: %v: %s", shell, name, err, out)
			}
		}
	}
}
