package check

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// maxComm is how much of a process's name Linux keeps, in bytes.
const maxComm = 15

// process is one of a machine's.
type process struct {
	pid  int
	name string
	uid  string // effective; on Windows the user's name
}

// processCheck counts processes. Ended ones that nobody has waited for don't
// count, and neither do those that count.
func processCheck(ctx context.Context, s *lab.ProcessCheck, at place) finding {
	got, f := at.ask(ctx, scripts{lab.Linux: linuxProcesses(s.User), lab.Windows: windowsProcesses(s)})
	if !f.passed() {
		return f
	}
	f.evidence = "" // all processes of the machine say nothing
	wanted := s.Count
	if wanted.IsZero() {
		one := 1.0
		wanted.Min = &one
	}
	var count int64
	if at.os == lab.Windows {
		n, ok := got.number("count")
		if !ok {
			f.fault("%s does not count its processes", at.name)
			return f
		}
		count = n
	} else {
		user := strings.TrimSpace(got["uid"])
		if s.User != "" && user == "" {
			f.fault("there is no user %s on %s", quoted(s.User), at.name)
			return f
		}
		all := parseProcesses(got["processes"])
		if len(all) == 0 {
			f.fault("%s shows no processes at all", at.name)
			return f
		}
		count = countProcesses(all, s.Name, user)
	}
	what := s.Name
	if s.User != "" {
		what += " of " + s.User
	}
	f.seen = what
	f.expectNumber(what+":", wanted, float64(count), wantWord(count == 1, "process", "processes"))
	f.seen = strings.TrimPrefix(f.seen, what+", ")
	return f
}

func countProcesses(all []process, name, uid string) (n int64) {
	name = name[:min(len(name), maxComm)]
	for _, p := range all {
		if p.name == name && (uid == "" || p.uid == uid) {
			n++
		}
	}
	return n
}

// processesScript prints what /proc says of all processes but those of the
// script. A process that ends meanwhile makes grep exit with an error.
const processesScript = `
fact processes
echo "self $$"
grep -h -E '^(Name|State|Pid|PPid|Uid):' /proc/[0-9]*/status 2>/dev/null`

func linuxProcesses(user string) string {
	if user == "" {
		return processesScript
	}
	return "fact uid; id -u -- " + guest.Quote(user) + " 2>/dev/null" + processesScript
}

// parseProcesses reads the lines of /proc/PID/status, in which the kernel
// escapes line ends of names. Name comes first.
func parseProcesses(text string) (all []process) {
	var self string
	var p process
	var state, pid, parent string
	add := func() {
		n, err := strconv.Atoi(pid)
		if err == nil && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X") && pid != self && parent != self {
			p.pid = n
			all = append(all, p)
		}
		p, state, pid, parent = process{}, "", "", ""
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if s, ok := strings.CutPrefix(line, "self "); ok {
			self = s
			continue
		}
		key, value, _ := strings.Cut(line, ":\t")
		switch key {
		case "Name":
			add()
			p.name = value
		case "State":
			state = value
		case "Pid":
			pid = value
		case "PPid":
			parent = value
		case "Uid": // real, effective, saved, of the file system
			if ids := strings.Fields(value); len(ids) == 4 {
				p.uid = ids[1]
			}
		}
	}
	add()
	slices.SortFunc(all, func(a, b process) int { return a.pid - b.pid })
	return all
}

// windowsProcesses counts on the machine. A user is a name, or DOMAIN\name.
func windowsProcesses(s *lab.ProcessCheck) string {
	script := "$name = " + guest.QuotePS(strings.TrimSuffix(s.Name, ".exe")) + "\n$user = " + guest.QuotePS(s.User) + "\n"
	which := "$_.ProcessName -eq $name"
	list := "Get-Process"
	if s.User != "" {
		list += " -IncludeUserName"
		which += ` -and ($_.UserName -eq $user -or ([string]$_.UserName).Split('\')[-1] -eq $user)`
	}
	return script + "$all = @(" + list + " | Where-Object { " + which + " })\n$f['count'] = \"$($all.Count)\""
}
