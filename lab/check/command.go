package check

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// maxText is how much of a command's output and of a page is looked at.
const maxText = 1 << 20

// limitedText keeps the first bytes of what is written to it.
type limitedText struct {
	data  []byte
	cut   bool
	limit int // bytes; 0: maxText
}

// Write never fails: the rest is dropped.
func (t *limitedText) Write(b []byte) (int, error) {
	limit := t.limit
	if limit == 0 {
		limit = maxText
	}
	room := min(limit-len(t.data), len(b))
	t.data = append(t.data, b[:room]...)
	t.cut = t.cut || room < len(b)
	return len(b), nil
}

var errNeedsMachine = errors.New("a check of this kind can only be made from a machine")

// command runs a command and looks at its exit code and output.
func command(ctx context.Context, s *lab.CommandCheck, at place) finding {
	if at.Guest == nil {
		return finding{err: errNeedsMachine}
	}
	var stdout, stderr limitedText
	out, err := at.Guest.Run(ctx, lab.Command{Shell: s.Run, Stdout: &stdout, Stderr: &stderr})
	f := finding{evidence: both(stdout.data, stderr.data), err: err}
	if err != nil {
		return f
	}
	if fault := exitFault(out, s.ExitCode, stderr.data); fault != "" {
		f.faults = append(f.faults, fault)
	}
	f.seen = fmt.Sprintf("exit code %d", out.ExitCode)
	// Output may have been left unread though it is short: a process that the
	// command left behind still holds it open.
	open := out.Truncated && len(stdout.data)+len(stderr.data) < len(out.Stdout)+len(out.Stderr)+1
	f.expect("stdout", s.Stdout, stdout.data, stdout.cut || open)
	f.expect("stderr", s.Stderr, stderr.data, stderr.cut || open)
	return f
}

// exitFault says what is wrong with how a command ended, with the last line
// of its stderr.
func exitFault(out lab.Output, want int, stderr []byte) string {
	var fault string
	switch {
	case out.Signal != "":
		fault = fmt.Sprintf("killed by signal %s, want exit code %d", out.Signal, want)
	case out.ExitCode != want:
		fault = fmt.Sprintf("exit code %d, want %d", out.ExitCode, want)
	default:
		return ""
	}
	if line := lastLine(stderr); line != "" {
		fault += ": " + line
	}
	return fault
}

// lastLine is the last line of text with something in it.
func lastLine(text []byte) string {
	s := strings.TrimSpace(string(text))
	return strings.TrimSpace(s[strings.LastIndexByte(s, '\n')+1:])
}

// both joins the two outputs for the evidence. A long stdout leaves room for
// stderr, which says what went wrong.
func both(stdout, stderr []byte) string {
	if len(stderr) == 0 {
		return string(stdout)
	}
	room := max(maxEvidence/2, maxEvidence-len(stderr)-len(cutHere))
	if len(stdout) <= room {
		return string(stdout) + "stderr:\n" + string(stderr)
	}
	return string(stdout[:room-len(cutHere)]) + cutHere + string(stderr)
}

const cutHere = "\n…\nstderr:\n"
