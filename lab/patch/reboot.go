package patch

import (
	"context"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// rebootScript prints one line for each reason to reboot: packages that asked
// for it, a kernel that is newer than the one that runs (by name, or by
// version under the same name), and what needrestart and needs-restarting
// know where they are there. zypper needs-rebooting knows no more than that
// /run/reboot-needed exists.
const rebootScript = `
if [ -e /run/reboot-required ]; then
	pkgs=$(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\n' ' ')
	echo "the system asks for it${pkgs:+ because of $pkgs}"
fi
if [ -e /run/reboot-needed ]; then echo "the package manager asks for it"; fi
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
elif command -v rpm >/dev/null; then
	flavour=${running##*[0-9]}
	newest=$(
		for f in /boot/vmlinuz-*; do
			v=${f#/boot/vmlinuz-}
			case $v in
			'*' | *rescue* | *kdump*) ;;
			*) [ "${v##*[0-9]}" != "$flavour" ] || echo "$v" ;;
			esac
		done | sort -V | tail -n 1
	)
	[ -z "$newest" ] || [ "$(printf '%s\n' "$running" "$newest" | sort -V | tail -n 1)" = "$running" ] ||
		echo "kernel $newest is installed, $running is running"
fi
if command -v needrestart >/dev/null; then
	case $(needrestart -b -k 2>/dev/null </dev/null | sed -n 's/^NEEDRESTART-KSTA: *//p') in
	2|3) echo "needrestart says that the running kernel is not the expected one" ;;
	esac
fi
tool=
if command -v dpkg >/dev/null; then : # rpm knows nothing of what runs there
elif command -v needs-restarting >/dev/null; then tool=needs-restarting
elif command -v dnf >/dev/null; then
	for f in /usr/lib/python3*/site-packages/dnf-plugins/needs_restarting.py \
		/usr/lib/python3/dist-packages/dnf-plugins/needs_restarting.py /usr/lib*/dnf5/plugins/needs_restarting*; do
		if [ -e "$f" ]; then tool='dnf -q -C needs-restarting'; fi
	done
fi
if [ -n "$tool" ]; then
	said=$($tool -r 2>/dev/null </dev/null) || case $said in
	*'eboot is required'* | *'eboot should be'*)
		pkgs=$(printf '%s\n' "$said" | sed -n 's/^ *[*-] *//p' | tr '\n' ' ')
		echo "needs-restarting asks for it${pkgs:+ because of $pkgs}"
		;;
	esac
fi
exit 0`

// RebootPending reports whether the system asks for a reboot. See
// lab.Patcher.
func (a Applier) RebootPending(ctx context.Context, g lab.Guest) (pending bool, reason string, err error) {
	j := a.job(nil, g, nil, nil)
	if osOf(g.Machine()) == lab.Windows {
		return windowsRebootPending(ctx, j)
	}
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
