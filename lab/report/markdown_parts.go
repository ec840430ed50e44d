package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// checks writes all checks, those that are not as they should be first: the
// others are left out first.
func (m *markdown) checks(r *lab.Record) {
	checks := slices.Clone(r.Checks)
	slices.SortStableFunc(checks, func(a, b lab.CheckRecord) int { return sound(a) - sound(b) })
	rows := [][]string{}
	for _, c := range checks {
		class := string(c.Class)
		if c.Severity == lab.Warning {
			class += " (warning)"
		}
		rows = append(rows, []string{
			cell(class, 64), cell(c.Name, 120), cell(c.From, 64), cell(outcomes(c), 120), cell(c.Message, 300),
		})
	}
	m.printf("\n## Checks\n\n")
	m.table([]string{"class", "check", "from", "arms", "what was seen"}, rows, mdChecks)
}

func sound(c lab.CheckRecord) int {
	if c.Class == lab.ClassOK || c.Class == lab.ClassFixed {
		return 1
	}
	return 0
}

// outcomes are a check's outcomes by arm: "baseline pass, patched fail".
func outcomes(c lab.CheckRecord) string {
	var parts []string
	for _, a := range armsOf(c) {
		word := "fail"
		if c.Arms[a].Passed {
			word = "pass"
		}
		parts = append(parts, string(a)+" "+word)
	}
	return strings.Join(parts, ", ")
}

func (m *markdown) findings(r *lab.Record) {
	if len(r.Findings) == 0 {
		return
	}
	m.printf("\n## Findings\n")
	limit := mdFindings
	for i, f := range r.Findings {
		text := fmt.Sprintf("\n- %s: %s\n", atFault(f), code(f.Summary, 850))
		if seen := evidence(f); seen != "" {
			text += fmt.Sprintf("- %s\n", code(seen, 400))
		}
		if end := endOf(f.Tail, mdTail); end != "" {
			text += block(end)
		}
		if limit -= len(text); limit < 0 {
			m.more(len(r.Findings) - i)
			return
		}
		m.printf("%s", text)
	}
}

// noise says what the list of changes does not.
func (m *markdown) noise(r *lab.Record) {
	if r.Noise > 0 {
		m.printf("\nLeft out: %d that changed without the patch too.\n", r.Noise)
	}
	limit := mdGaps
	for i, g := range r.Gaps {
		text := fmt.Sprintf("\n- not looked at: %s\n", code(g, 200))
		if limit -= len(text); limit < 0 {
			m.more(len(r.Gaps) - i)
			return
		}
		m.printf("%s", text)
	}
}

func (m *markdown) egress(r *lab.Record) {
	if len(r.Egress) == 0 {
		return
	}
	rows := [][]string{}
	for _, a := range r.Egress {
		rows = append(rows, []string{cell(sender(a), 64), cell(a.Protocol, 32), cell(a.To, 200), fmt.Sprint(a.Count)})
	}
	m.printf("\n## Refused on the way out of the lab\n\n")
	m.table([]string{"machine", "protocol", "to", "times"}, rows, mdEgress)
}

// sender is who tried to reach something: a machine, or else an address.
func sender(a lab.EgressAttempt) string {
	if a.Machine == "" {
		return a.Source.String()
	}
	return a.Machine
}

func (m *markdown) backout(r *lab.Record) {
	b := r.Backout
	if b == nil {
		return
	}
	m.printf("\n## Back-out\n\n%s: %s\n", code(string(b.Result), 32), code(b.Reason, 400))
	if len(b.Machines) > 0 {
		rows := [][]string{}
		for _, one := range b.Machines {
			rows = append(rows, []string{cell(one.Name, 64), cell(string(one.Status), 32), cell(one.Message, 300), seconds(one.Seconds)})
		}
		m.printf("\n")
		m.table([]string{"machine", "back-out", "what was seen", "took"}, rows, mdMachines)
	}
	m.changes("Left after the back-out", b.Left, mdChanges)
}

// end writes the receipt, and where to find all the rest.
func (m *markdown) end(r *lab.Record) {
	m.printf("\n## Record\n\n- %s\n", code(receipt(r), 600))
	m.printf("- record: %s\n", code(r.Dir, 300))
	t := r.Tool
	m.printf("- made by patchlab %s on host %s\n", code(orElse(t.Patchlab, "unknown"), 120), code(orElse(t.Host, "unknown"), 64))
	for _, v := range [][2]string{{"accelerator", t.Accel}, {"QEMU", t.QEMU}, {"libvirt", t.Libvirt}, {"kernel", t.Kernel}} {
		if v[1] != "" {
			m.printf("- %s: %s\n", v[0], code(v[1], 120))
		}
	}
}
