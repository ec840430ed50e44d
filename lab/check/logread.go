package check

import (
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// maxMessages is how many messages a machine sends at most, and maxEvents how
// many events Windows reads for them.
const (
	maxMessages = "4000"
	maxEvents   = "20000"
)

// priorities are those of the journal, with the names that event logs have.
var priorities = map[string]string{
	"emerg": "emerg", "alert": "alert", "crit": "crit", "critical": "crit",
	"": "err", "err": "err", "error": "err", "warning": "warning",
}

// journalScript prints the last of all messages that differ in more than
// numbers: a line without its time and host, "sshd[812]: error: …". The journal
// is read to its end, and what is left is short. Empty: unknown priority.
func journalScript(s *lab.LogCheck) string {
	priority := priorities[s.Priority]
	if priority == "" {
		return ""
	}
	command, unit := "journalctl --quiet --no-pager --output=short-unix --priority="+priority, ""
	if s.Unit != "" {
		command += " --unit=" + guest.Quote(s.Unit)
		unit = "fact unit; systemctl show --property=LoadState --value -- " + guest.Quote(s.Unit) + "\n"
	}
	return unit + `set -- /var/log/journal/*/*.journal
if [ ! -e "$1" ]; then
	set -- /run/log/journal/*/*.journal
	if [ -e "$1" ]; then fact volatile; else fact nojournal; fi
fi
fact messages
{ ` + command + `; printf '\n%s %s\n' "$mark" $?; } | awk -v mark="$mark" -v most=` + maxMessages + ` '
	index($0, mark) == 1 { code = $2; next }
	/^[ \t]*$/ { next }
	{ sub(/^[0-9]+\.[0-9]+ [^ ]+ /, ""); key = $0
	  gsub(/` + strings.Repeat("[0-9a-fA-F]", 8) + `+/, "#", key); gsub(/[0-9]+/, "#", key)
	  if (!(key in last)) order[n++] = key
	  last[key] = $0 }
	END { for (i = 0; i < n && i < most; i++) print substr(last[order[i]], 1, 1000)
	  printf "\n%s code\n%s\n", mark, code
	  if (n > most) printf "\n%s cut\n", mark }'`
}

// eventScript does the same for the event logs System and Application. A unit
// is the provider that the events come from.
func eventScript(s *lab.LogCheck) string {
	levels := map[string]string{"emerg": "1", "alert": "1", "crit": "1", "err": "1,2", "warning": "1,2,3"}[priorities[s.Priority]]
	if levels == "" {
		return ""
	}
	provider := ""
	if s.Unit != "" {
		provider = "$null = Get-WinEvent -ListProvider " + guest.QuotePS(s.Unit) + "\n$q['ProviderName'] = " + guest.QuotePS(s.Unit) + "\n"
	}
	return "$q = @{ LogName = 'System', 'Application'; Level = " + levels + " }\n" + provider + `$all = @()
try { $all = @(Get-WinEvent -FilterHashtable $q -MaxEvents ` + maxEvents + `) } catch {
	if ("$($_.FullyQualifiedErrorId)" -notlike 'NoMatchingEventsFound*') { throw }
}
if ($all.Count -ge ` + maxEvents + `) { $f['cut'] = '' }
$last = @{}
foreach ($e in $all) {
	$m = "$($e.ProviderName) $($e.Id): $($e.Message)" -replace '\s+', ' '
	if ($m.Length -gt 1000) { $m = $m.Substring(0, 1000) }
	$k = $m -replace '[0-9a-f]{8,}|[0-9]+', '#'
	if (-not $last.ContainsKey($k)) { $last[$k] = $m }
}
if ($last.Count -gt ` + maxMessages + `) { $f['cut'] = '' }
$f['code'] = '0'
$f['messages'] = @($last.Values | Select-Object -First ` + maxMessages + `) -join [char]10`
}

// logUnread says why the messages are not all that there are.
func (f facts) logUnread(unit string) string {
	code, ok := f.number("code")
	load := strings.TrimSpace(f["unit"])
	switch {
	case f.has("nojournal"):
		return "there is no journal"
	case load == "not-found":
		return "there is no unit " + unit
	case f.has("unit") && load == "":
		return "systemctl does not know unit " + unit + after(f["stderr"])
	case f.has("cut"):
		return "there are more messages than can be read: narrow the check by unit, priority or ignore"
	case !ok || code != 0:
		return "the journal cannot be read" + after(f["stderr"])
	}
	return ""
}
