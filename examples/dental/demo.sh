#!/bin/bash
# patchlab's main job, from end to end: the same lab with a good update, with
# a broken one and, when Debian has any today, with real security updates.
# Exits with 0 only if each verdict is the right one and nothing is left.
#
#   usage: PATCHLAB=bin/patchlab demo.sh [--no-updates]
#
# --no-updates leaves the real updates out: what Debian has today is nothing
# that a test may depend on.
set -euo pipefail

lab=$(cd "$(dirname "$0")" && pwd)
patchlab=$(command -v "${PATCHLAB:-patchlab}") || {
	echo "demo: error: there is no ${PATCHLAB:-patchlab}: make build" >&2
	exit 2
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
summary=()

step() { printf '\n==> %s\n\n' "$*"; }

wrong() {
	summary+=("WRONG  $*")
	failed=1
}

# left prints what is there of instances on this host, sorted: the instances
# that patchlab knows, and processes that use an instance's folder.
left() {
	local p
	"$patchlab" status --format json | sed -n 's/^ *"id": "\([^"]*\)".*/instance \1/p'
	for p in /proc/[0-9]*; do
		if grep -qsaF "${PATCHLAB_HOME:-}/labs/dental/instances/" "$p/cmdline"; then
			echo "process ${p#/proc/}"
		fi
	done
}

# expect CODE REGEXP NAME ARGUMENT...: tests a patch, which must end with exit
# code CODE, print a line that REGEXP matches, and say that all was reverted.
expect() {
	local want=$1 line=$2 name=$3 code=0 started=$SECONDS
	shift 3
	"$patchlab" test "$lab" "$@" | tee "$work/report" || code=${PIPESTATUS[0]}
	if ((code != want)); then
		wrong "$name: exit code $code, want $want"
	elif ! grep -qE "$line" "$work/report"; then
		wrong "$name: no line of the report matches $line"
	elif ! grep -q '^reverted: ' "$work/report"; then
		wrong "$name: the report does not say that the lab was reverted"
	else
		summary+=("right  $name: exit code $code, reverted, $((SECONDS - started)) s")
	fi
}

left | sort >"$work/before"

step "A good update of the booking site: it has to pass"
expect 0 '^pass: ' "good update" booking-good

step "A broken update, which installs cleanly: it has to fail, and the page is why"
expect 1 '^ *regression +booking page shows free slots' "broken update" booking-broken

if [[ ${1:-} != --no-updates ]]; then
	step "Today's real security updates of Apache: they should pass"
	if ! "$lab/fetch-updates.sh" "$work/updates"; then
		summary+=("-      security updates: they could not be fetched")
	elif compgen -G "$work/updates/*.deb" >/dev/null; then
		expect 0 '^pass: ' "security updates" "$work/updates" --target web
	else
		summary+=("-      security updates: there are none today")
	fi
fi

step "Summary"
left | sort >"$work/after"
new=$(comm -13 "$work/before" "$work/after")
if [[ -n $new ]]; then
	wrong "left behind: ${new//$'\n'/, }"
else
	summary+=("right  nothing is left: no instance, no process")
fi
printf '%s\n' "${summary[@]}"
exit "$failed"
