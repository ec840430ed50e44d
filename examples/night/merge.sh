#!/bin/bash
# Brings the ledgers and run records of other hosts to this one, and merges them
# into its own: then history, gate, export and site speak of all hosts.
#
#   usage: merge.sh DIR HOST…      (copies go to DIR/HOST; ssh reaches the hosts)
#
# A ledger that is no longer what it was is refused, and says so: exit code 3.
# A host that cannot be reached does not keep the others from being merged.
set -uo pipefail
umask 077

if (($# < 2)); then
	echo "usage: merge.sh DIR HOST…" >&2
	exit 2
fi
copies=$1
shift
remote_home=${REMOTE_PATCHLAB_HOME:-/var/lib/patchlab}
failed=0
homes=()

for host in "$@"; do
	if [[ -z $host || $host == *[!A-Za-z0-9.@_-]* || $host == [.-]* ]]; then
		echo "merge.sh: not the name of a host: $host" >&2
		exit 2
	fi
	copy=$copies/$host
	mkdir -p "$copy/ledger" "$copy/runs" || exit 3
	# The head goes first, what it counts after it: a ledger that grows meanwhile
	# is then longer than its head says, never shorter. Nothing is deleted here:
	# what a host has lost must not be lost with it.
	if rsync -a "$host:$remote_home/ledger/head.json" "$copy/ledger/" &&
		rsync -a --exclude /head.json "$host:$remote_home/ledger/" "$copy/ledger/" &&
		rsync -a "$host:$remote_home/runs/" "$copy/runs/"; then
		homes+=("$copy")
	else
		echo "merge.sh: cannot copy from $host" >&2
		failed=3
	fi
done

if ((${#homes[@]})); then
	patchlab ledger merge "${homes[@]}" || failed=$?
fi
exit "$failed"
