package guest

import (
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// linux is the dialect of Linux systems with a POSIX shell. Package managers
// are recognised where they are dpkg and apt.
type linux struct {
	root string // stands before the paths of the scripts that change the system; only tests set it
}

// script makes a command of a script that finds vars, pairs of name and
// value, in its variables, and the places that patchlab uses.
func (l linux) script(text string, vars ...string) string {
	var b strings.Builder
	vars = append(vars, "root", l.root, "disk", l.root+diskDir, "run", l.root+memoryDir)
	for i := 0; i < len(vars); i += 2 {
		fmt.Fprintf(&b, "%s=%s\n", vars[i], Quote(vars[i+1]))
	}
	return "export LC_ALL=C\n" + b.String() + text // wrap has a shell already
}

// Where patchlab keeps what it leaves on a machine, for root alone.
const (
	diskDir   = "/var/lib/patchlab"
	memoryDir = "/run/patchlab"
)

// maxCommand is below what Linux allows in one argument (128 KiB).
const maxCommand = 120 << 10

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// wrap relies on sshd to make each session's process a session leader: its
// number is also the number of its process group. The command itself takes
// the place of the announcing shell, so exit codes and signals are its own.
func (linux) wrap(c lab.Command, mark string) (line string, stdin io.Reader, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "printf '%%s%%d\\n' %s $$ >&2\n", Quote(mark))
	for _, k := range slices.Sorted(maps.Keys(c.Env)) {
		if !envName.MatchString(k) {
			return "", nil, fmt.Errorf("%q is no name for an environment variable", k)
		}
		fmt.Fprintf(&b, "export %s=%s\n", k, Quote(c.Env[k]))
	}
	b.WriteString(`exec sh -c "$1"`)
	line = "exec " + Quote("sh", "-c", b.String(), "sh", c.Shell)
	if strings.ContainsRune(line, 0) {
		return "", nil, fmt.Errorf("the command or its environment holds a NUL byte")
	}
	if len(line) > maxCommand {
		return "", nil, fmt.Errorf("the command is %d bytes long, the limit is %d", len(line), maxCommand)
	}
	return line, c.Stdin, nil
}

// killScript first asks (a package manager that is shot leaves a mess), then
// insists. Descendants are looked up because apt starts dpkg in a session of
// its own, which the group does not hold. Signals are named with -s: dash
// takes no group otherwise.
const killScript = `
tree() {
	cat /proc/[0-9]*/status 2>/dev/null | awk -v root="$pid" '
		/^Pid:/ { p = $2 } /^PPid:/ { up[p] = $2 }
		END { for (p in up) { q = p; for (n = 0; q in up && q != root && n < 1000; n++) q = up[q]; if (q == root) print p } }'
}
alive() {
	for p in "-$pid" $all; do kill -s 0 -- "$p" 2>/dev/null && return 0; done
	return 1
}
all=$(tree)
for p in "-$pid" $all; do kill -s TERM -- "$p" 2>/dev/null; done
for i in 1 2 3 4 5 6 7 8 9 10; do alive || exit 0; sleep 0.5; done
all="$all $(tree)"
for p in "-$pid" $all; do kill -s KILL -- "$p" 2>/dev/null; done
for i in 1 2 3 4 5 6 7 8 9 10; do alive || exit 0; sleep 0.2; done
exit 1`

func (linux) kill(pid int) string {
	return "exec " + Quote("sh", "-c", "pid="+strconv.Itoa(pid)+killScript)
}

const bootState = `
if [ -e /run/cloud-init/enabled ] && [ ! -e /run/cloud-init/result.json ]; then
	echo "wait its first-boot configuration is running"; exit
fi
if command -v systemctl >/dev/null; then
	case $(systemctl is-system-running 2>/dev/null) in
	initializing|starting) echo "wait the system is starting"; exit ;;
	stopping) echo "wait the system is stopping"; exit ;;
	maintenance) echo "fail the system is in maintenance mode"; exit ;;
	esac
fi`

// packageLocks looks for processes that hold a lock of dpkg or apt: by inode,
// and then by the open file, since an inode's number alone is not unique.
const packageLocks = `
for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/cache/apt/archives/lock /var/lib/apt/lists/lock; do
	inode=$(stat -c %i "$lock" 2>/dev/null) || continue
	for pid in $(awk -v i="$inode" '{ n = split($6, f, ":"); if (n == 3 && f[3] == i) print $5 }' /proc/locks); do
		for fd in /proc/"$pid"/fd/*; do
			[ "$fd" -ef "$lock" ] || continue
			echo "wait a package manager is running ($(cat /proc/"$pid"/comm), process $pid)"; exit
		done
	done
done`

func (linux) state(packages bool) string {
	script := bootState
	if packages {
		script += packageLocks
	}
	return "exec " + Quote("sh", "-c", script+"\necho ready")
}

func (linux) bootID() string { return "cat /proc/sys/kernel/random/boot_id" }

func (linux) reboot() string {
	return "if command -v systemctl >/dev/null; then systemctl --no-block reboot; else reboot; fi"
}

func (linux) sums(paths []string) string {
	return "for f in " + Quote(paths...) + `; do sha256sum <"$f" || exit 1; done`
}

func (linux) remove(paths []string) (line string, stdin io.Reader) {
	return Quote(append([]string{"rm", "-f", "--"}, paths...)...), nil
}

func (linux) remotePath(p string) (string, bool) {
	return path.Clean(p), path.IsAbs(p) && !strings.ContainsRune(p, 0)
}

func (linux) modes() bool { return true }
