package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// Markdown writes the report for mail and tickets: CommonMark with the tables
// of GitHub's dialect, also readable as it stands. Every text that somebody
// else chose is in a code span or a code block: there no renderer sees markup,
// HTML, links or mentions. The whole is under 60 KiB, which trackers take as a
// comment; what is left out is counted, and in the record.
func Markdown(w io.Writer, r *lab.Record) error {
	m := &markdown{w: &stickyWriter{w: w}}
	m.head(r)
	m.patch(r)
	m.machines(r)
	m.checks(r)
	m.findings(r)
	m.changes("What the patch changed", r.Changes, mdChanges)
	m.noise(r)
	m.egress(r)
	m.backout(r)
	m.end(r)
	return m.w.err
}

// How many bytes each part may take.
const (
	mdFiles    = 5 << 10
	mdMachines = 6 << 10
	mdChecks   = 12 << 10
	mdFindings = 9 << 10
	mdChanges  = 5 << 10
	mdEgress   = 3 << 10
	mdGaps     = 1 << 10
	mdTail     = 1500 // of one finding: the last ones
)

type markdown struct {
	w *stickyWriter
}

func (m *markdown) printf(format string, args ...any) { fmt.Fprintf(m.w, format, args...) }

func (m *markdown) head(r *lab.Record) {
	m.printf("# %s: patch %s on lab %s\n\n", word(r.Verdict), code(r.Patch.Name, 100), code(r.Lab, 64))
	m.printf("**%s**: %s\n\n", word(r.Verdict), code(r.Reason, 800))
	if r.Client != "" {
		m.printf("- client: %s\n", code(r.Client, 100))
	}
	m.printf("- run: %s, started %s UTC, took %.0f s\n", code(r.Run, 64), r.Started.UTC().Format("2006-01-02 15:04:05"), r.Seconds)
	if d := r.Definition; d.SHA256 != "" {
		m.printf("- lab definition: %s, SHA-256 %s\n", code(d.Dir, 200), code(d.SHA256, 64))
	}
	m.printf("- control arm: %s\n", code(strings.TrimSuffix(orElse(r.Control.Mode, "unknown")+": "+r.Control.Reason, ": "), 300))
	for _, weak := range weakPoints(r) {
		m.printf("- %s\n", code("not tested: "+weak, 300))
	}
}

// word is a verdict as text of the page. What is none of ours is code.
func word(v lab.Verdict) string {
	switch v {
	case lab.Pass, lab.Fail, lab.Inconclusive:
		return string(v)
	}
	return code(orElse(string(v), "no verdict"), 32)
}

// weakPoints says what this run could not have noticed.
func weakPoints(r *lab.Record) []string {
	var out []string
	if r.Control.Mode == "off" {
		out = append(out, "what a reboot alone does (no control arm)")
	}
	var idle []string
	for _, m := range r.Machines {
		if m.Outcome != nil && m.Outcome.Status == lab.Applied && m.Reboots == 0 && !m.Verified {
			idle = append(idle, m.Name)
		}
	}
	if len(idle) > 0 {
		out = append(out, "the next reboot of "+strings.Join(idle, ", ")+" (none was made after the patch)")
	}
	return out
}

func (m *markdown) patch(r *lab.Record) {
	m.printf("\n## Patch\n\n%s, kind %s, SHA-256 of all files %s\n\n",
		code(r.Patch.Name, 100), code(orElse(string(r.Patch.Kind), "unknown"), 32), code(orElse(r.Patch.SHA256, "unknown"), 64))
	rows := [][]string{}
	for _, f := range r.Patch.Files {
		version := strings.TrimSpace(f.Package + " " + f.Version)
		if f.Beside {
			version = strings.TrimSpace(version + " (beside it, not rolled out)")
		}
		rows = append(rows, []string{cell(f.Name, 160), cell(version, 120), fmt.Sprint(f.Size), cell(f.SHA256, 64)})
	}
	m.table([]string{"file", "version", "bytes", "SHA-256"}, rows, mdFiles)
}

func (m *markdown) machines(r *lab.Record) {
	rows := [][]string{}
	for _, rec := range r.Machines {
		part := "untouched"
		switch {
		case rec.Target && rec.Outcome == nil:
			part = "not tried"
		case rec.Target:
			part = string(rec.Outcome.Status)
			if rec.Wave > 1 {
				part += fmt.Sprintf(" (wave %d)", rec.Wave)
			}
		}
		notes := strings.Trim(strings.Join(machineNotes(rec), "; "), "; ")
		rows = append(rows, []string{cell(rec.Name, 64), cell(orElse(rec.System, string(rec.OS)), 120), cell(part, 64), cell(notes, 400)})
	}
	m.printf("\n## Machines\n\n")
	m.table([]string{"machine", "system", "patch", "what was seen"}, rows, mdMachines)
	if len(r.Spared) > 0 {
		m.printf("\nSpared by patching in waves: %s\n", code(strings.Join(r.Spared, ", "), 400))
	}
}
