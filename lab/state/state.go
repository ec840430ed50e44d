// Package state takes stock of machines: of their packages, services, ports,
// users, scheduled jobs, firewall, logged errors and watched files, so that
// two moments of a machine can be compared (lab.CompareStates). It judges
// nothing, and changes nothing on the machine.
//
// A Linux machine is asked in two steps: one script prints everything and the
// list of the watched files, then those files come as one tar stream, except
// large ones, which are hashed over there. A Windows machine is asked by one
// PowerShell script.
package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Limits of a survey.
const (
	surveyTimeout  = 2 * time.Minute // of the script; a file server that is gone holds up df
	filesTimeout   = 5 * time.Minute // for reading the watched files
	commandTimeout = time.Minute     // for a watched command

	maxSurvey = 48 << 20 // bytes that the script may print
	maxText   = 64 << 10 // bytes of a text that is kept
	maxName   = 4400     // bytes of an item's name: the longest path, and a little
	maxValue  = 2 << 10  // bytes of an item's value
)

// Surveyor implements lab.Surveyor.
type Surveyor struct {
	// Redact takes secrets out of a text; nil: there are none. What a state
	// holds has passed through it.
	Redact func(string) string

	root string // stands before the paths on a Linux machine; only tests set it
}

// Survey takes stock of g. See lab.Surveyor for the contract. Of watched
// commands, what they print on standard output is looked at.
func (s Surveyor) Survey(ctx context.Context, g lab.Guest, p lab.Progress) (*lab.State, error) {
	st := newStock(s.Redact)
	var err error
	m := g.Machine()
	switch m.Image.OS {
	case lab.Linux:
		err = linux{root: s.root}.survey(ctx, g, st, lab.Quiet(p))
	case lab.Windows:
		err = surveyWindows(ctx, g, st, lab.Quiet(p))
	default:
		err = fmt.Errorf("cannot take stock of machine %q: unknown operating system %q", m.Name, m.Image.OS)
	}
	if err == nil {
		err = watchedCommands(ctx, g, st, lab.Quiet(p))
	}
	if err != nil {
		return nil, err
	}
	return st.state, nil
}

// run runs a command and gives what it prints, at most most bytes. A command
// that did not finish in time is told by late; errors are as those of
// lab.Guest.Run.
func run(ctx context.Context, g lab.Guest, c lab.Command, most int) (got *limited, out lab.Output, late, err error) {
	got = &limited{most: most}
	c.Stdout = got
	out, err = g.Run(ctx, c)
	if err != nil && tooLate(ctx, err) {
		return got, out, fmt.Errorf("it did not finish within %s", c.Timeout), nil
	}
	return got, out, nil, err
}

// tooLate reports whether err came because a command exceeded its own limit.
func tooLate(ctx context.Context, err error) bool {
	return ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded)
}

// limited keeps the first bytes of what is written to it.
type limited struct {
	data []byte
	most int
	cut  bool // there were more
}

// Write never fails: the rest is dropped.
func (l *limited) Write(b []byte) (int, error) {
	room := min(l.most-len(l.data), len(b))
	l.data = append(l.data, b[:room]...)
	l.cut = l.cut || room < len(b)
	return len(b), nil
}
