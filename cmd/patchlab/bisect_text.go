package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// short names items in a few words.
func (b *batch) short(names []string) string {
	switch {
	case len(names) == len(b.items):
		return fmt.Sprintf("all %d patches", len(names))
	case len(names) <= 3:
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%d of %d patches", len(names), len(b.items))
}

// line says what a trial came to.
func (b *batch) line(t lab.Tried) string {
	text := fmt.Sprintf("%s: %s", t.Verdict, lab.Printable(b.short(t.Items), 200))
	if t.Verdict != lab.Pass || t.Other {
		text += ": " + lab.Printable(t.Reason, 300)
	}
	if t.Other {
		text += " (another reason than the whole batch's)"
	}
	if t.Reused {
		text += " (reused)"
	}
	return text
}

// print writes the answer for people.
func (b *batch) print(w io.Writer, out *lab.Bisection) {
	runs := fmt.Sprintf("%d runs", out.Runs)
	if out.Runs == 1 {
		runs = "1 run"
	}
	if out.Reused > 0 {
		runs += fmt.Sprintf(", %d of them reused", out.Reused)
	}
	fmt.Fprintf(w, "%s, %s\n", lab.Printable(out.Reason, 2000), runs)
	if out.Rest != nil {
		rest := "the rest passes without"
		if out.Rest.Verdict == lab.Fail {
			rest = "that is not all: the rest fails without"
		}
		fmt.Fprintf(w, "%s %s\n", rest, lab.Printable(strings.Join(out.Culprits, ", "), 500))
	}
	if out.Anew != "" {
		fmt.Fprintf(w, "started anew: %s\n", lab.Printable(out.Anew, 500))
	}
	for _, t := range out.Trials {
		names := ""
		if len(t.Items) > 3 && len(t.Items) < len(b.items) {
			names = ": " + lab.Printable(strings.Join(t.Items, ", "), 1000)
		}
		fmt.Fprintf(w, "  %s%s [run %s]\n", b.line(t), names, t.Run)
	}
}

func namesOf(items []*lab.Patch) []string {
	var out []string
	for _, p := range items {
		out = append(out, p.Name)
	}
	return out
}
