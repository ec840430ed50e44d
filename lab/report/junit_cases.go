package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// verdictCase is the test case that is green only for a pass.
func verdictCase(r *lab.Record) junitCase {
	c := junitCase{Name: "verdict", Time: decimal(r.Seconds)}
	reason := because(orElse(string(r.Verdict), "no verdict"), r.Reason, receipt(r))
	switch r.Verdict {
	case lab.Pass:
	case lab.Fail:
		c.Failure = reason
	default:
		c.Error = reason
	}
	return c
}

// machineCases tell of each machine whether it took the patch.
func machineCases(r *lab.Record) []junitCase {
	var out []junitCase
	for _, m := range r.Machines {
		if !m.Target {
			continue
		}
		c := junitCase{Name: lab.Printable("patch on "+m.Name, junitName), Time: decimal(patching(r, m.Name))}
		switch {
		case m.Outcome == nil && slices.Contains(r.Spared, m.Name):
			c.Skipped = because("spared", "an earlier wave failed", "")
		case m.Outcome == nil:
			c.Error = because("not-tried", "the patch was not tried", "")
		case m.Outcome.Status == lab.Applied:
		case m.Outcome.Status == lab.PatchFailed:
			c.Failure = because(string(m.Outcome.Status), m.Outcome.Message, fmt.Sprintf("exit code %d", m.Outcome.ExitCode))
		default:
			c.Skipped = because(string(m.Outcome.Status), m.Outcome.Message, "")
		}
		out = append(out, c)
	}
	return out
}

// patching is how many seconds the patched arm worked on a machine.
func patching(r *lab.Record, machine string) float64 {
	var sum float64
	for _, p := range r.Phases {
		if p.Arm == lab.ArmPatched && p.Machine == machine {
			sum += p.Seconds
		}
	}
	return sum
}

func checkCases(r *lab.Record) []junitCase {
	out := make([]junitCase, 0, len(r.Checks))
	for _, rec := range r.Checks {
		c := junitCase{Name: lab.Printable(rec.Name, junitName), Time: decimal(rec.Arms[lab.ArmPatched].Seconds)}
		reason := func() *junitReason {
			return because(string(rec.Class), string(rec.Class)+": "+rec.Message, proof(rec))
		}
		switch {
		case rec.Class == lab.ClassOK || rec.Class == lab.ClassFixed:
		case rec.Severity == lab.Warning:
			c.Skipped = reason()
		case rec.Class == lab.ClassRegression:
			c.Failure = reason()
		default:
			c.Error = reason()
		}
		out = append(out, c)
	}
	return out
}

// proof is what a check saw in each arm.
func proof(c lab.CheckRecord) string {
	var b strings.Builder
	for _, a := range armsOf(c) {
		res := c.Arms[a]
		word := "failed"
		if res.Passed {
			word = "passed"
		}
		fmt.Fprintf(&b, "%s: %s: %s\n", lab.Printable(string(a), 64), word, bounded(res.Message, junitLine, lab.Printable))
		if res.Evidence != "" {
			fmt.Fprintln(&b, strings.TrimRight(bounded(res.Evidence, junitProof, lab.PrintableText), "\n"))
		}
	}
	return b.String()
}

// armsOf lists the arms that a check was made in, in the order they have in a
// run; those that this program does not know come last, by name.
func armsOf(c lab.CheckRecord) []lab.Arm {
	known := []lab.Arm{lab.ArmBaseline, lab.ArmControl, lab.ArmPatched, lab.ArmRerun, lab.ArmBackout}
	var out, other []lab.Arm
	for _, a := range known {
		if _, made := c.Arms[a]; made {
			out = append(out, a)
		}
	}
	for a := range c.Arms {
		if !slices.Contains(known, a) {
			other = append(other, a)
		}
	}
	slices.Sort(other)
	return append(out, other...)
}

func because(kind, message, text string) *junitReason {
	return &junitReason{
		Type: lab.Printable(orElse(kind, "unknown"), 64), Message: bounded(message, junitLine, lab.Printable),
		Text: bounded(text, 8*junitProof, lab.PrintableText),
	}
}

// junitFindings are the findings with their tails.
func junitFindings(r *lab.Record) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s: %s\n", atFault(f), bounded(f.Summary, junitLine, lab.Printable))
		if seen := evidence(f); seen != "" {
			fmt.Fprintln(&b, "  "+lab.Printable(seen, junitLine))
		}
		if f.Tail != "" {
			fmt.Fprintln(&b, endOf(f.Tail, junitProof))
		}
		if b.Len() > junitText {
			break
		}
	}
	return b.String()
}

// atFault says whose fault a finding is.
func atFault(f lab.Finding) string {
	switch {
	case f.Warning:
		return "warning"
	case f.Host:
		return "host"
	case f.Patch:
		return "patch"
	}
	return "lab"
}

const junitFiles = 200 // files of a patch that are listed

func properties(r *lab.Record) []junitProperty {
	var out []junitProperty
	add := func(name, value string) {
		if value != "" {
			out = append(out, junitProperty{Name: name, Value: bounded(value, junitLine, lab.Printable)})
		}
	}
	add("lab", r.Lab)
	add("client", r.Client)
	add("run", r.Run)
	add("verdict", string(r.Verdict))
	add("reason", r.Reason)
	add("patch", r.Patch.Name)
	add("patch.kind", string(r.Patch.Kind))
	add("patch.sha256", r.Patch.SHA256)
	for _, f := range r.Patch.Files[:min(junitFiles, len(r.Patch.Files))] {
		add("patch.file", f.SHA256+"  "+f.Name)
	}
	add("definition.sha256", r.Definition.SHA256)
	add("ready", r.Ready.Key)
	add("control", r.Control.Mode)
	add("reverted", fmt.Sprint(r.Receipt.Proven))
	if r.Backout != nil {
		add("backout", string(r.Backout.Result))
	}
	add("record", r.Dir)
	add("patchlab", r.Tool.Patchlab)
	add("accel", r.Tool.Accel)
	add("qemu", r.Tool.QEMU)
	add("libvirt", r.Tool.Libvirt)
	add("kernel", r.Tool.Kernel)
	return out
}
