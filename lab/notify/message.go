package notify

import (
	"fmt"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// The most of a message's parts, in bytes.
const (
	maxSubject = 200
	maxField   = 4 << 10
	maxText    = 256 << 10
)

// NewMessage makes the message about results: its subject says what came of
// them, "patchlab: 1 failed, 3 passed on HOST", or of the only one, "patchlab:
// fail: dental: booking-broken". Code is the worst exit code, text what people
// read.
func NewMessage(host string, results []Result, code int, text string, now time.Time) Message {
	m := Message{
		Version: MessageVersion, Host: host, Time: now, Code: code,
		Text: lab.PrintableText(text, maxText), Results: results,
	}
	if m.Results == nil {
		m.Results = []Result{}
	}
	m.Subject = lab.Printable("patchlab: "+m.summary(), maxSubject)
	return m
}

// summary is the subject without the name of the tool.
func (m *Message) summary() string {
	if len(m.Results) == 1 && !m.outside() {
		r := m.Results[0]
		parts := []string{r.word()}
		for _, s := range []string{r.Lab, r.Patch} {
			if s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, ": ")
	}
	count := map[string]int{}
	for _, r := range m.Results {
		count[r.group()]++
	}
	var parts []string
	for _, group := range []string{"failed", "inconclusive", "not tested", "busy", "passed with a fault", "passed", "skipped"} {
		if count[group] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[group], group))
		}
	}
	text := strings.Join(parts, ", ")
	switch {
	case text == "" && m.Code == 0:
		text = "nothing to test"
	case text == "":
		text = fmt.Sprintf("exit code %d", m.Code)
	case m.outside():
		text = fmt.Sprintf("exit code %d: %s", m.Code, text)
	}
	return text + " on " + m.Host
}

const codeBusy = 4 // exit code, the same for every command

// passWithFault is a pass whose command did not end well: it could not be
// entered in the ledger, say.
const passWithFault = "pass with a fault"

// word is what came of r.
func (r *Result) word() string {
	switch {
	case r.Skipped != "" && r.Code == 0:
		return "skipped"
	case r.Verdict == lab.Pass && r.Code != 0:
		return passWithFault
	case r.Verdict != "":
		return string(r.Verdict)
	case r.Code == codeBusy:
		return "busy"
	}
	return "not tested"
}

// group is what r is counted as.
func (r *Result) group() string {
	switch w := r.word(); w {
	case string(lab.Fail):
		return "failed"
	case string(lab.Pass):
		return "passed"
	case passWithFault:
		return "passed with a fault"
	case string(lab.Inconclusive), "skipped", "busy":
		return w
	}
	return "not tested"
}

// outside reports whether something went wrong that is no result's.
func (m *Message) outside() bool {
	if m.Code == 0 {
		return false
	}
	for _, r := range m.Results {
		if r.Code != 0 {
			return false
		}
	}
	return true
}

// concerns reports whether m is told where w is asked for: when one of its
// results matters there, or when something went wrong that is no result's.
func (m *Message) concerns(w When) bool {
	if w == Always || m.outside() {
		return true
	}
	for _, r := range m.Results {
		if w == OnFail && r.Code != 0 || w == OnChange && r.changed() {
			return true
		}
	}
	return false
}

// changed reports whether r is another result than the time before, or new
// and no pass, or a pass with a fault. What was skipped is none of these.
func (r *Result) changed() bool {
	switch {
	case r.Skipped != "" && r.Code == 0:
		return false
	case r.Before == "":
		return r.Code != 0
	}
	return r.Verdict != r.Before || r.Verdict == lab.Pass && r.Code != 0
}

// redacted returns a copy of m with redact applied to every text in it, and
// printable.
func (m *Message) redacted(redact func(string) string) Message {
	line := func(s string) string { return lab.Printable(redact(s), maxField) }
	out := *m
	out.Host = line(m.Host)
	out.Subject = lab.Printable(redact(m.Subject), maxSubject)
	out.Text = lab.PrintableText(redact(m.Text), maxText)
	out.Results = make([]Result, len(m.Results))
	for i, r := range m.Results {
		for _, s := range []*string{&r.Lab, &r.Client, &r.Patch, &r.Reason, &r.Run, &r.Dir, &r.Skipped} {
			*s = line(*s)
		}
		r.Verdict = lab.Verdict(line(string(r.Verdict)))
		r.Before = lab.Verdict(line(string(r.Before)))
		out.Results[i] = r
	}
	return out
}
