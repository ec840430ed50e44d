package check

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// maxAnswer is how much of a machine's answer is read, in bytes: room for
// maxText in base64 twice, as Windows sends it.
const maxAnswer = 3 * maxText

// facts is what a machine says about itself, by name. Values are untrusted.
type facts map[string]string

// number is fact key as a whole number.
func (f facts) number(key string) (n int64, ok bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(f[key]), 10, 64)
	return n, err == nil
}

// has reports whether the machine gave fact key at all.
func (f facts) has(key string) bool {
	_, ok := f[key]
	return ok
}

// lines are the lines of fact key that hold something, without the white
// space around them.
func (f facts) lines(key string) (lines []string) {
	for l := range strings.Lines(f[key]) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// scripts ask a machine for facts; an empty one says that a check is not for
// such machines. On Linux "fact NAME" begins a fact, and what is printed then
// is its value. On Windows a fact is put into $f['NAME'], as a string; what a
// script throws is a fault.
type scripts map[lab.OS]string

// ask has the machine's script run. The finding holds the evidence, and a
// fault when the machine did not answer to the end: the facts are nil then.
// Fact "stderr" is the last line that the script printed there.
func (at place) ask(ctx context.Context, s scripts) (facts, finding) {
	if at.Guest == nil {
		return nil, finding{err: errNeedsMachine}
	}
	script := s[at.os]
	if script == "" {
		return nil, finding{faults: []string{fmt.Sprintf("a check of this kind cannot be made on %s, a machine with %s", at.name, orDefault(string(at.os), "an unknown system"))}}
	}
	mark := rand.Text()
	wrap, parse := linuxScript, linuxFacts
	if at.os == lab.Windows {
		wrap, parse = windowsScript, windowsFacts
	}
	stdout := limitedText{limit: maxAnswer}
	out, err := at.Guest.Run(ctx, lab.Command{Shell: wrap(mark, script), Stdout: &stdout})
	f := finding{err: err, evidence: both(nil, out.Stderr)}
	if err != nil {
		return nil, f
	}
	got, whole := parse(mark, string(stdout.data))
	f.evidence = both([]byte(got.text()), out.Stderr)
	switch {
	case stdout.cut:
		f.fault("%s answers with more than %d bytes", at.name, maxAnswer)
	case got.has("error"):
		f.fault("%s cannot tell: %s", at.name, lastLine([]byte(got["error"])))
	case !whole:
		f.fault("%s does not answer to the end (exit code %d)%s", at.name, out.ExitCode, after(lastLine(out.Stderr)))
	default:
		got["stderr"] = lastLine(out.Stderr)
		return got, f
	}
	return nil, f
}

// after is why as it follows what is wrong; nothing when there is none.
func after(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// text is f for the evidence.
func (f facts) text() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(f)) {
		if v := strings.TrimRight(f[k], "\n"); k != "end" && v != "" {
			fmt.Fprintf(&b, "%s: %s\n", k, v)
		}
	}
	return b.String()
}

// linuxScript makes a script whose facts stand between marks that nobody can
// know who did not read the command. Administrators' programs are found also
// where the SSH server gives a short PATH.
func linuxScript(mark, script string) string {
	return "export LC_ALL=C PATH=\"$PATH:/usr/sbin:/sbin\"\n" +
		"mark=" + mark + "\n" +
		"fact() { printf '\\n%s %s\\n' \"$mark\" \"$1\"; }\n" +
		script + "\nfact end\n"
}

func linuxFacts(mark, text string) (got facts, whole bool) {
	text, whole = strings.CutSuffix(text, "\n"+mark+" end\n")
	got = facts{}
	for _, part := range strings.Split(text, "\n"+mark+" ")[1:] {
		key, value, _ := strings.Cut(part, "\n")
		got[key] = value
	}
	return got, whole
}

// windowsScript sends the facts as base64 of JSON in UTF-8, which no code page
// and no width of a console changes.
func windowsScript(mark, script string) string {
	return "$ErrorActionPreference = 'Stop'\n$ProgressPreference = 'SilentlyContinue'\n$f = @{}\n" +
		"try {\n" + script + "\n$f['end'] = ''\n} catch { $f['error'] = \"$($_.Exception.Message)\" }\n" +
		"$j = ConvertTo-Json -Compress -InputObject $f\n" +
		"[Console]::Out.WriteLine('" + mark + " ' + [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($j)))\n"
}

func windowsFacts(mark, text string) (got facts, whole bool) {
	_, line, found := strings.Cut(text, mark+" ")
	line, _, ended := strings.Cut(line, "\n")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
	if !found || !ended || err != nil || json.Unmarshal(raw, &got) != nil {
		return nil, false
	}
	return got, got.has("end")
}
