# shellcheck shell=sh disable=SC2154
# Takes stock of a Linux machine; changes nothing on it. Standard input is one
# line: the mark between the parts, which nobody on the machine can know.
# Variables set before: root (empty; a test's own tree), most (bytes of one
# path's list). Arguments: the watched paths. Few processes: each costs an
# emulated machine 0.05 s or more.
IFS= read -r mark
exec </dev/null 3>&1
cd "$root/" || exit 1

# part NAME FUNCTION [ARGUMENT]: what it prints, then how it ended and what it
# complained about. The function has a process of its own, which it may exec.
part() {
	part=$1
	shift
	printf '\n%s begin %s\n' "$mark" "$part"
	said=$("$@" 2>&1 >&3)
	printf '\n%s end %s %d %.300s' "$mark" "$part" "$?" "$said"
}

has() { command -v "$1" >/dev/null; }

# Short files, each line with its file's name and a NUL before it. That some
# are not there is nothing to complain about.
lines() {
	grep -aHZs '' proc/sys/kernel/osrelease proc/sys/kernel/version etc/os-release \
		etc/passwd etc/group proc/meminfo \
		etc/crontab etc/anacrontab etc/cron.d/* var/spool/cron/* var/spool/cron/crontabs/*
	[ $? -le 2 ]
}

# The names of users whose password is locked: what it is stays on the machine.
locked() {
	[ -e etc/shadow ] || return 0
	while IFS=: read -r name password rest; do
		case $password in '!'* | '*'*) printf '%s\n' "$name" ;; esac
	done <etc/shadow
}

jobs_of_cron() {
	for job in etc/cron.hourly/* etc/cron.daily/* etc/cron.weekly/* etc/cron.monthly/*; do
		[ -f "$job" ] && [ -x "$job" ] && printf '%s\0' "$job"
	done
	return 0
}

packages() {
	if [ -s var/lib/dpkg/status ]; then
		# shellcheck disable=SC2016 # dpkg's variables
		exec dpkg-query -W -f 'deb\t${Package}:${Architecture}\t${Version}\t${db:Status-Abbrev}\n'
	elif has rpm; then
		exec rpm -qa --qf 'rpm\t%{NAME}:%{ARCH}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\tii\n'
	else
		echo "neither dpkg nor rpm is there" >&2
		return 1
	fi
}

# What systemctl knows of the units in memory, then the units' files and what
# they say of installing: "systemctl list-unit-files" would take seconds.
units() {
	systemctl list-units --all --full --plain --no-legend --no-pager && printf '\0' || return
	set --
	for dir in etc/systemd/system run/systemd/system run/systemd/transient run/systemd/generator.early \
		run/systemd/generator run/systemd/generator.late usr/local/lib/systemd/system \
		usr/lib/systemd/system; do
		[ -d "$dir" ] && set -- "$@" "$dir"
	done
	[ -d lib/systemd/system ] && [ ! -L lib ] && set -- "$@" lib/systemd/system
	[ $# -gt 0 ] || return 0
	find -H "$@" -ignore_readdir_race -mindepth 1 -maxdepth 2 ! -type d \
		\( -name '*.service' -o -name '*.socket' -o -name '*.path' -o -name '*.timer' -o -path '*.d/*.conf' \) \
		-printf '%p\0%y%Y\0%s\0%l\n' -xtype f ! -path '*.wants/*' ! -path '*.requires/*' ! -path '*.upholds/*' \
		-exec grep -aHZsE '^[[:space:]]*(Alias|Also|DefaultInstance|WantedBy|RequiredBy|UpheldBy)[[:space:]]*=' {} +
	[ $? -le 1 ] # 1: no file says anything
}

booted() { exec systemctl show --property=FinishTimestampMonotonic; }

ports() {
	if has ss; then
		printf 'ss\n'
		exec ss -ltunp
	else
		printf 'proc\n'
		grep -HZs '' proc/net/tcp proc/net/tcp6 proc/net/udp proc/net/udp6
	fi
}

# Each tool's name, then what it says. Asking about rules would load the
# kernel's modules: without them there are no rules.
firewall() {
	tables=
	if [ -e sys/module/nf_tables ]; then
		tables=1
	elif read -r release <proc/sys/kernel/osrelease; then
		grep -qs /nf_tables.ko "lib/modules/$release/modules.builtin" && tables=1
	fi
	if [ "$tables" ] && has nft; then
		printf 'nft\n'
		nft list ruleset || return
		tables=
	fi
	save=
	has iptables-legacy-save && [ -z "$tables" ] && save=-legacy
	[ -s proc/net/ip_tables_names ] || [ -s proc/net/ip6_tables_names ] || [ "$tables" ] || return 0
	printf '\0iptables\n'
	"iptables$save-save" || return
	printf '\0ip6tables\n'
	"ip6tables$save-save"
}

errors() { exec journalctl -p err -n 5000 -o short -q --no-pager; }

disks() { exec df -PklT; }

# With owners' numbers: find would look up each file's anew.
files() {
	[ -e "$1" ] || [ -L "$1" ] || return 0
	find -H "$1" -xdev -printf '%y\0%#m\0%U:%G\0%s\0%p\0%l\0' | head -c "$most"
}

part lines lines
part locked locked
part cron jobs_of_cron
part packages packages
part units units
part booted booted
part ports ports
part firewall firewall
part errors errors
part disks disks
i=0
for path; do
	part "files:$i" files "$path"
	i=$((i + 1))
done
printf '\n%s done\n' "$mark"
