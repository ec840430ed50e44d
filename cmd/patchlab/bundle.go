package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
	"github.com/patchlab/patchlab/lab/patch"
)

func (a *app) bundleCommand() *cobra.Command {
	var out string
	var targets []string
	cmd := &cobra.Command{
		Use:   "bundle DIR PATCH",
		Short: "Fetch the packages of a patch once, to test it without any network",
		Long: `Asks the machines of the lab defined in DIR which packages they have, and
fetches, with this host's apt, what PATCH would install on them, with what it
depends on; and the versions that they have now, by which the patch can be taken
out again. The machines are an instance of their own, destroyed afterwards, and
never reach the network themselves.

PATCH is a patch's name in the definition, apt:NAME or apt:NAME=VERSION (more
than one with commas), or a .deb file or a folder of them. The bundle is a folder
that patchlab test finds by itself: bundles below DIR, unless the patch or
--output names another. A bundle that is there already is made anew.`,
		Example: `  patchlab bundle examples/dental apt:openssl --target web
  patchlab test examples/dental apt:openssl --target web --backout
  patchlab bundle examples/dental ~/Downloads/updates -o ~/bundles/dental --format json | jq .files`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completePatches,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.bundle(cmd.Context(), args[0], args[1], targets, out)
		},
	}
	a.addFormat(cmd, "text", "json")
	a.addVars(cmd)
	a.addWait(cmd)
	cmd.Flags().StringSliceVar(&targets, "target", nil, "machines that a patch which is not in the definition is for")
	cmd.Flags().StringVarP(&out, "output", "o", "", "make the bundle in this folder")
	return cmd
}

func (a *app) bundle(ctx context.Context, dir, name string, targets []string, out string) error {
	l, err := a.load(dir)
	if err != nil {
		return err
	}
	p, err := bundlePatch(l, name, targets)
	if err != nil {
		return err
	}
	if out == "" {
		out = bundleFolder(l, p)
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	ui := a.newUI()
	defer ui.Close()
	var made *patch.Bundle
	err = a.forked(ctx, engine, l, ui, func(inst lab.Instance) (err error) {
		var guests []lab.Guest
		for _, m := range p.Targets {
			guests = append(guests, inst.Guest(m))
		}
		progress, end := ui.Begin(lab.ArmUp, "", "bundle")
		made, err = patch.MakeBundle(ctx, patch.MakeBundleRequest{Lab: l.Name, Patch: p, Guests: guests, Dir: out, Progress: progress})
		end(err)
		return err
	})
	ui.Close() // before the answer: a live display redraws over what is printed
	if err != nil {
		return err
	}
	if a.format == "json" {
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(bundleJSON{Dir: made.Dir, Bundle: made})
	}
	printBundle(a.stdout, made)
	line := "  patchlab test " + guest.Quote(dir) + " " + guest.Quote(name)
	if len(targets) > 0 {
		line += " --target " + strings.Join(targets, ",")
	}
	_, err = fmt.Fprintln(a.stdout, line)
	return err
}

// bundleJSON is what --format json prints.
type bundleJSON struct {
	Dir string `json:"dir"`
	*patch.Bundle
}

// bundlePatch finds the patch that a bundle is for.
func bundlePatch(l *lab.Lab, name string, targets []string) (*lab.Patch, error) {
	machines, err := findMachines(l, targets)
	if err != nil {
		return nil, err
	}
	p, named, err := patch.FromName(name, l, machines, false)
	if err == nil && !named {
		p, err = findPatch(l, name, machines)
	}
	if err != nil {
		return nil, err
	}
	if p.Kind != lab.PatchApt && p.Kind != lab.PatchDeb {
		return nil, usagef("a patch of files is tested as it is: patchlab test "+l.Dir+" "+name, "patch %q is of kind %q: bundles are made of .deb packages", p.Name, p.Kind)
	}
	return p, nil
}

// bundleFolder is where a patch's bundle is looked for.
func bundleFolder(l *lab.Lab, p *lab.Patch) string {
	if p.Bundle != "" {
		return p.Bundle
	}
	return filepath.Join(l.Dir, "bundles", p.Name)
}

// printBundle says what is in a bundle.
func printBundle(w io.Writer, b *patch.Bundle) {
	total := int64(0)
	for _, f := range b.Files {
		total += f.Size
	}
	fmt.Fprintf(w, "%s: %d packages (%s)\n", b.Dir, len(b.Files), size(total))
	version := map[string]string{}
	for _, f := range b.Files {
		version[f.Name] = f.Package + " " + f.PackageVersion
	}
	list := func(files []string) string {
		var out []string
		for _, f := range files {
			out = append(out, version[f])
		}
		return lab.Printable(strings.Join(out, ", "), 2000)
	}
	for _, name := range slices.Sorted(maps.Keys(b.Machines)) {
		m := b.Machines[name]
		if len(m.Install) == 0 {
			fmt.Fprintf(w, "  %s has all of it already\n", name)
			continue
		}
		fmt.Fprintf(w, "  %s gets %s\n", name, list(m.Install))
		if len(m.Previous) > 0 {
			fmt.Fprintf(w, "    and back to %s\n", list(m.Previous))
		}
		if len(m.Missing) > 0 {
			fmt.Fprintf(w, "    no way back to %s: no mirror has it any more\n", lab.Printable(strings.Join(m.Missing, ", "), 2000))
		}
	}
}
