package patch

import (
	"context"
	"io"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// rebootScript prints one line for each reason to reboot: packages that asked
// for it, a kernel that is newer than the one that runs (by name, or by
// version under the same name), and what needrestart knows where it is there.
const rebootScript = `
if [ -e /run/reboot-required ]; then
	pkgs=$(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\n' ' ')
	echo "the system asks for it${pkgs:+ because of $pkgs}"
fi
running=$(uname -r)
if command -v dpkg >/dev/null; then
	newest=$running
	for f in /boot/vmlinuz-*; do
		[ -e "$f" ] || continue
		v=${f#/boot/vmlinuz-}
		if dpkg --compare-versions "$v" gt "$newest"; then newest=$v; fi
	done
	[ "$newest" = "$running" ] || echo "kernel $newest is installed, $running is running"
	version=$(dpkg-query -W -f '${Version}' "linux-image-$running" 2>/dev/null)
	case $(uname -v) in
	*"Debian $version "*|*"Debian $version") ;;
	*"Debian "*) [ -z "$version" ] || echo "kernel $running was replaced by version $version" ;;
	esac
fi
if command -v needrestart >/dev/null; then
	case $(needrestart -b -k 2>/dev/null </dev/null | sed -n 's/^NEEDRESTART-KSTA: *//p') in
	2|3) echo "needrestart says that the running kernel is not the expected one" ;;
	esac
fi
exit 0`

// RebootPending reports whether the system asks for a reboot. See
// lab.Patcher.
func (Applier) RebootPending(ctx context.Context, g lab.Guest) (pending bool, reason string, err error) {
	j := &job{guest: g, log: io.Discard, progress: lab.Quiet(nil)}
	text, err := j.ask(ctx, rebootScript)
	if err != nil {
		return false, "", err
	}
	var reasons []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			reasons = append(reasons, line)
		}
	}
	return len(reasons) > 0, lab.Printable(strings.Join(reasons, "; "), 300), nil
}
