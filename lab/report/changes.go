package report

import (
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

const (
	mostChanges = 12 // lines of differences on a terminal; all are in the record
	mostDiff    = 6  // lines of one file's difference
)

// changes writes what the patch changed on the machines.
func (t *text) changes(r *lab.Record) {
	if len(r.Changes) == 0 {
		return
	}
	fmt.Fprintln(t.w, "what the patch changed")
	t.changeList(r.Changes)
	if r.Noise > 0 {
		fmt.Fprintf(t.w, "  left out: %d that changed without the patch too\n", r.Noise)
	}
	for _, g := range r.Gaps {
		fmt.Fprintf(t.w, "  not looked at: %s\n", lab.Printable(g, 200))
	}
}

func (t *text) changeList(changes []lab.StateChange) {
	for _, c := range changes[:min(mostChanges, len(changes))] {
		fmt.Fprintf(t.w, "  %s: %s\n", lab.Printable(c.Machine, 64), lab.Printable(c.String(), 200))
		t.diff(c.Diff)
	}
	if more := len(changes) - mostChanges; more > 0 {
		fmt.Fprintf(t.w, "  and %d more in the record\n", more)
	}
}

// diff writes the first changed lines of a text.
func (t *text) diff(diff string) {
	shown := 0
	for line := range strings.Lines(diff) {
		added := strings.HasPrefix(line, "+") && !strings.HasPrefix(line, "+++")
		removed := strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "---")
		if !added && !removed {
			continue
		}
		if shown == mostDiff {
			fmt.Fprintln(t.w, "    …")
			return
		}
		shown++
		fmt.Fprintf(t.w, "    %s\n", lab.Printable(strings.TrimRight(line, "\r\n"), 160))
	}
}

// backout writes how the patch could be taken out again.
func (t *text) backout(r *lab.Record) {
	b := r.Backout
	if b == nil {
		return
	}
	words := map[lab.BackoutResult]string{
		lab.BackedOutClean:  "backed out clean",
		lab.BackedOutLeaves: "backed out, with something left",
		lab.BackedOutBroken: "backed out, but it does not work as before",
		lab.NoBackout:       "cannot be backed out",
		lab.BackoutNotTried: "backing out was not proven",
	}
	fmt.Fprintf(t.w, "%s: %s\n", words[b.Result], lab.Printable(b.Reason, 400))
	t.changeList(b.Left)
}

// spared says which machines an earlier wave's failure has spared.
func (t *text) spared(r *lab.Record) {
	if len(r.Spared) > 0 {
		fmt.Fprintf(t.w, "spared by patching in waves: %s\n", lab.Printable(strings.Join(r.Spared, ", "), 400))
	}
}

// machineNotes says what became of the patch on a machine, a line each: the
// patch's own words first.
func machineNotes(m lab.MachineRecord) []string {
	notes := []string{""}
	if m.Outcome != nil {
		notes[0] = m.Outcome.Message
	}
	switch {
	case m.Reboots > 1:
		notes = append(notes, fmt.Sprintf("rebooted %d times: %s", m.Reboots, m.RebootReason))
	case m.Reboots == 1:
		notes = append(notes, "rebooted: "+m.RebootReason)
	case m.Verified:
		notes = append(notes, "rebooted to verify")
	}
	if m.Confirmed != "" && (m.Reboots > 0 || m.Verified) {
		notes = append(notes, "afterwards: "+m.Confirmed)
	}
	if len(m.Stale) > 0 {
		notes = append(notes, "still run what was replaced: "+strings.Join(m.Stale, ", "))
	}
	return notes
}
