#!/bin/bash
# Fetches today's real security updates of a package of the web server's
# image: every .deb that moves it from Debian's release pocket, which the
# image is made of, to the security pocket, and nothing else.
#
#   usage: fetch-updates.sh DIR [PACKAGE]      (default: apache2)
#
# It uses the host's own apt sources in a private folder, so that it works as
# an ordinary user and changes nothing on the host. When Debian has no such
# update today, it says so, leaves DIR empty and exits with 0.
set -euo pipefail

if [[ $# -lt 1 || $# -gt 2 || $1 == -* ]]; then
	echo "usage: ${0##*/} DIR [PACKAGE]" >&2
	exit 2
fi
release=bookworm
package=${2:-apache2}
# What the image is built with: packages beside the wanted one may have to
# move along with it, and only a solver that knows them can say so.
image=(apache2 libapache2-mod-php php-pgsql postgresql-15 openssh-server)

mkdir -p "$1"
dir=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial}

# pins POCKET...: allows only these pockets.
pins() {
	local pocket
	for pocket in "$@"; do
		printf 'Package: *\nPin: release n=%s\nPin-Priority: 500\n\n' "$pocket"
	done
	printf 'Package: *\nPin: release n=*\nPin-Priority: -1\n'
}
: >"$work/status"
pins "$release" >"$work/preferences"
cat >"$work/apt.conf" <<EOF
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Etc::preferences "$work/preferences";
Dir::Etc::preferencesparts "/dev/null";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
EOF
export APT_CONFIG=$work/apt.conf

# What the host knows already need not be fetched once more.
cp /var/lib/apt/lists/*_* "$work/lists/" 2>/dev/null || true
apt-get -q update >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	echo "${0##*/}: cannot read the package lists of this host's apt sources" >&2
	exit 1
}
# shellcheck disable=SC2016 # it is apt that fills this in
pockets=$(apt-get indextargets --format '$(CODENAME)')
for pocket in "$release" "$release-security"; do
	if [[ $'\n'$pockets$'\n' != *$'\n'"$pocket"$'\n'* ]]; then
		echo "No updates: this host's apt sources have no $pocket."
		exit 0
	fi
done

# solve ARGUMENT...: prints package=version for all that apt would install.
solve() {
	apt-get -s "$@" >"$work/solution" 2>"$work/log" || {
		cat "$work/log" >&2
		return 1
	}
	# Inst NAME [OLD] (NEW ...
	sed -nE 's/^Inst ([^ ]+) (\[[^]]*\] )?\(([^ ]+) .*/\1=\3/p' "$work/solution"
}

# First what the image holds, all from the release pocket; then, with that
# as the installed system, what the update takes.
solve install "${image[@]}" >"$work/released"
xargs apt-cache show <"$work/released" |
	sed '/^Package: /a Status: install ok installed' >"$work/status"
pins "$release" "$release-security" >"$work/preferences"
solve install --only-upgrade "$package" >"$work/updates"

rm -f "$dir"/*.deb
if [[ ! -s $work/updates ]]; then
	echo "No updates: $package in $release's security pocket is what the release has."
	exit 0
fi
echo "Security updates of $package today:"
sed 's/^/  /; s/=/ /' "$work/updates"
# A private folder of apt's own has no lock that another apt could hold.
(cd "$dir" && xargs apt-get -q download <"$work/updates") >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	echo "${0##*/}: cannot fetch the updates" >&2
	exit 1
}
