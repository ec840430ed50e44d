package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/patchlab/patchlab/lab"
)

func TestSteady(t *testing.T) {
	same := [][2]string{
		{"sshd[812]: error: from 192.168.1.20 port 5022", "sshd[9]: error: from 10.0.0.1 port 1"},
		{"kernel: BUG at 0xffff88810a2b3c4d, cpu 3", "kernel: BUG at 0xffffdead, cpu 11"},
		{"at 2026-11-23T18:45:57Z on 52:54:00:ab:cd:ef", "at 2025-01-02T03:04:05Z on 52:54:00:12:34:56"},
		{"from fe80::1 id 0b54b0f2-1fd5-4f0e-b0a4-aaaaaaaaaaaa", "from ::1 id 1154b0f2-9fd5-4f0e-b0a4-12aaaaaaaaaa"},
		{"thread12345678 of deadbeef", "thread7 of 0badf00d"},
		{"took 1.25 s", "took 3 s"},
	}
	for _, s := range same {
		if a, b := steady(s[0]), steady(s[1]); a != b {
			t.Errorf("%q and %q are not the same", a, b)
		}
	}
	other := [][2]string{
		{"nginx[1]: bind failed", "nginx[1]: bind refused"}, {"disk sda failed", "disk sdb failed"}, {"added", "faded"},
	}
	for _, s := range other {
		if a := steady(s[0]); a == steady(s[1]) {
			t.Errorf("%q is the same as %q", a, s[1])
		}
	}
	if got := steady("\x1b[2J\xff\n" + strings.Repeat("ü", 1000)); len(got) > maxKnownBytes || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\x1b") {
		t.Errorf("%q", got)
	}
}

// journal is a machine whose journalctl prints lines and exits so.
func journal(t *testing.T, lines string, code int, files ...string) *machine {
	t.Helper()
	dir := tree(t, map[string]string{"out": lines})
	if len(files) == 0 {
		files = []string{"/var/log/journal"}
	}
	all := map[string]string{}
	for _, f := range files {
		all[f+"/0b54/system.journal"] = ""
	}
	root := tree(t, all)
	return onHost(t, map[string]string{
		"journalctl": fmt.Sprintf(`case "$*" in *--follow*) exit 9 ;; *--unit=quiet*) exit 0 ;; esac
cat %s/out
[ %d = 0 ] || echo "journalctl: no way" >&2
exit %d`, dir, code, code),
		"systemctl": `[ "$5" = odd.service ] && exit 1
[ "$5" = none.service ] && echo not-found || echo loaded`,
	}, "/var/log/journal", root+"/var/log/journal", "/run/log/journal", root+"/run/log/journal")
}

const someErrors = `1763923557.123456 web sshd[812]: error: kex_exchange_identification: from 10.0.0.7 port 22
1763923558.123456 web sshd[900]: error: kex_exchange_identification: from 10.0.0.8 port 23
1763923559.000001 localhost kernel: I/O error, dev vda, sector 99
             second line of it
`

// logged makes a log check, later than a baseline that knew known; nil: it is
// the baseline.
func logged(t *testing.T, s lab.LogCheck, m *machine, before *lab.CheckResult) lab.CheckResult {
	t.Helper()
	c := &lab.Check{Name: "c", Timeout: long, Spec: &s, From: &lab.Machine{Name: "desk", Image: &lab.Image{OS: lab.Linux}}}
	if m.os != "" {
		c.From.Image.OS = m.os
	}
	r := Runner{Redact: func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") }}
	return r.RunCheck(t.Context(), c, lab.Place{Guest: m, Dialer: m, Before: before})
}

func TestLog(t *testing.T) {
	baseline := logged(t, lab.LogCheck{}, journal(t, someErrors, 0), nil)
	want(t, baseline, true, "3 different messages, remembered")
	wanted := []string{"kernel: I/O error, dev vda, sector #", "second line of it", "sshd[#]: error: kex_exchange_identification: from # port #"}
	if !slices.Equal(baseline.Known, wanted) {
		t.Errorf("%q", baseline.Known)
	}
	again := strings.ReplaceAll(someErrors, "900", "12345")
	fresh := again + "1763923560.1 web app[1]: panic: password hunter2 refused\x1b[2J\n1763923561.1 web app[2]: panic: password hunter2 refused\n"
	later := logged(t, lab.LogCheck{}, journal(t, fresh, 0), &baseline)
	want(t, later, false, "1 new message, want none: app[2]: panic: password *** refused")
	if len(later.Known) != 4 || strings.Contains(strings.Join(later.Known, ""), "hunter") {
		t.Errorf("%q", later.Known)
	}
	want(t, logged(t, lab.LogCheck{}, journal(t, again, 0), &baseline), true, "no new message among 3")
	want(t, logged(t, lab.LogCheck{}, journal(t, "", 0), &baseline), true, "no new message among 0")
	want(t, logged(t, lab.LogCheck{Ignore: []string{`^app\[\d+\]: panic`}}, journal(t, fresh, 0), &baseline), true, "no new message among 3")
	want(t, logged(t, lab.LogCheck{}, journal(t, again, 0, "/run/log/journal"), &baseline), true, "no new message among 3 (the log is lost at each start)")
}

func TestLogThatCannotBeRead(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "1.1 web app: %s\n", strings.NewReplacer("0", "g", "1", "h", "2", "i", "3", "j", "4", "k", "5", "l", "6", "m", "7", "n", "8", "o", "9", "p").Replace(fmt.Sprint(i)))
		}
		return b.String()
	}
	broken := lab.CheckResult{}
	for _, c := range []struct {
		name    string
		spec    lab.LogCheck
		m       *machine
		before  *lab.CheckResult
		message string
	}{
		{"it fails", lab.LogCheck{}, journal(t, "", 1), nil, "the journal cannot be read: journalctl: no way"},
		{"it fails after some", lab.LogCheck{}, journal(t, someErrors, 1), nil, "the journal cannot be read: journalctl: no way"},
		{"there is none", lab.LogCheck{}, journal(t, "", 0, "/elsewhere"), nil, "there is no journal"},
		{"unknown unit", lab.LogCheck{Unit: "none.service"}, journal(t, "", 0), nil, "there is no unit none.service"},
		{"unit in doubt", lab.LogCheck{Unit: "odd.service"}, journal(t, "", 0), nil, "systemctl does not know unit odd.service"},
		{"unknown priority", lab.LogCheck{Priority: "loud"}, journal(t, "", 0), nil, `unknown priority "loud"`},
		{"bad expression", lab.LogCheck{Ignore: []string{"("}}, journal(t, "", 0), nil, "error parsing regexp: missing closing ): `(`"},
		{"no baseline", lab.LogCheck{}, journal(t, "", 0), &broken, "the baseline could not read its messages, so that none can be called new"},
		{"too many to remember", lab.LogCheck{}, journal(t, many(501), 0), nil, "501 different messages, more than 500 cannot be remembered: narrow the check by unit, priority or ignore"},
		{"too many to read", lab.LogCheck{}, journal(t, many(4001), 0), nil, "there are more messages than can be read: narrow the check by unit, priority or ignore"},
		{"forged end", lab.LogCheck{}, onHost(t, nil, "journalctl", "false", "/var/log/journal/*/*.journal", "/dev/null"), nil, "the journal cannot be read"},
		{"no events of Windows", lab.LogCheck{Unit: "MSSQL'1"}, answers(t, lab.Windows, facts{"code": "0", "cut": ""}), nil, "there are more messages than can be read: narrow the check by unit, priority or ignore"},
	} {
		t.Run(c.name, func(t *testing.T) { want(t, logged(t, c.spec, c.m, c.before), false, c.message) })
	}
}

func TestLogOfOneUnit(t *testing.T) {
	want(t, logged(t, lab.LogCheck{Unit: "quiet.service"}, journal(t, someErrors, 0), nil), true, "0 different messages, remembered")
}

func TestEventLog(t *testing.T) {
	before := logged(t, lab.LogCheck{}, answers(t, lab.Windows, facts{"code": "0", "messages": "disk 7: bad block\r\n"}), nil)
	want(t, before, true, "1 different messages, remembered")
	want(t, logged(t, lab.LogCheck{Priority: "warning"}, answers(t, lab.Windows, facts{"code": "0", "messages": "disk 9: bad block\nW3SVC 5: stopped"}), &before), false,
		"1 new message, want none: W3SVC 5: stopped")
}
