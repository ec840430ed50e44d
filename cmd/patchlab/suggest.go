package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/suggest"
	"github.com/patchlab/patchlab/snapshots"
)

func (a *app) suggestCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "suggest LAB",
		Short: "Propose checks for a lab, by looking at its machines",
		Long: `Looks at the machines of a healthy lab and writes checks for what it finds:
services, ports, web sites, certificates, databases, mail, names, room on the
disks, new errors in the logs. Each was made once and passes; the line above it
says what was seen. Checks that the definition has already are left out.

LAB is the folder of a definition, or a lab that is up, by its name or folder.
A lab that is up is looked at as it is now; otherwise an instance is forked from
the ready state, and destroyed afterwards.

The checks are for you to read: patchlab cannot know what matters to the
customer.`,
		Example: `  patchlab suggest examples/dental
  patchlab suggest examples/dental -o examples/dental/suggested.hcl
  patchlab suggest dental | less                       # a lab that is up`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeLabs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.suggest(cmd.Context(), args[0], out)
		},
	}
	a.addVars(cmd)
	a.addWait(cmd)
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to this new file instead of standard output")
	return cmd
}

func (a *app) suggest(ctx context.Context, ref, out string) error {
	if out != "" {
		if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
			return usagef("give -o the name of a new file", "%s is there already", out)
		}
	}
	l, up, err := a.labOf(ctx, ref)
	if err != nil {
		return err
	}
	found, err := a.lookAround(ctx, l, up)
	if err != nil {
		return err
	}
	return a.writeChecks(l, found, out)
}

// lookAround finds suggestions in the instance that is up, or in one made for
// it when up is nil.
func (a *app) lookAround(ctx context.Context, l *lab.Lab, up *snapshots.Running) (found []suggest.Suggestion, err error) {
	var engine *snapshots.Engine
	if up == nil {
		if engine, err = a.engine(); err != nil {
			return nil, err
		}
	}
	ui := a.newUI()
	defer ui.Close()
	look := func(inst suggest.Instance) (err error) {
		p, end := ui.Begin(lab.ArmUp, "", "suggest checks")
		found, err = suggest.Suggest(ctx, l, inst, checker(l), p)
		end(err)
		return err
	}
	if up == nil {
		err = a.forked(ctx, engine, l, ui, func(inst lab.Instance) error { return look(inst) })
		return found, err
	}
	v := newLive(up, l)
	defer v.Close()
	if err := look(v); err != nil && ctx.Err() != nil {
		return nil, &upError{ref: up.Spec.Lab, err: err}
	} else if err != nil {
		return nil, err
	}
	return found, nil
}

// labOf finds a lab by the folder of its definition, or by the name of one
// that is up. Up is nil when it is not.
func (a *app) labOf(ctx context.Context, ref string) (l *lab.Lab, up *snapshots.Running, err error) {
	dir := ref
	info, err := os.Stat(ref)
	folder := err == nil && info.IsDir()
	up, err = a.running(ctx, ref)
	switch {
	case err == nil:
		dir = up.Spec.LabDir
	case !folder:
		return nil, nil, err
	default:
		up = nil
	}
	if l, err = a.load(dir); err != nil {
		return nil, nil, err
	}
	if up == nil {
		return l, nil, nil
	}
	var names []string
	for _, m := range up.Spec.Machines {
		names = append(names, m.Name)
	}
	for _, m := range l.Machines {
		if !slices.Contains(names, m.Name) {
			return nil, nil, usagef("patchlab down "+l.Name+", then the command again", "lab %q was brought up before its definition had the machine %q", l.Name, m.Name)
		}
	}
	return l, up, nil
}

// writeChecks writes suggestions as a part of l's definition.
func (a *app) writeChecks(l *lab.Lab, found []suggest.Suggestion, out string) error {
	if len(found) == 0 {
		fmt.Fprintf(a.stderr, "nothing was found in lab %q that its definition does not check already\n", l.Name)
		return nil
	}
	var checks []hcl.SuggestedCheck
	for _, s := range found {
		checks = append(checks, hcl.SuggestedCheck{Comment: s.Comment, Check: s.Check})
	}
	var text bytes.Buffer
	if err := hcl.WriteChecks(&text, checks); err != nil {
		return err
	}
	if out == "" {
		_, err := a.stdout.Write(text.Bytes())
		return err
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a definition, for others to read
	if err == nil {
		_, err = f.Write(text.Bytes())
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return &lab.HostError{Op: "write the checks", Err: err}
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %d checks\n  patchlab validate %s\n", out, len(checks), l.Dir)
	return err
}
