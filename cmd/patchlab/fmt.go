package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
)

func (a *app) fmtCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt DIR|FILE…",
		Short: "Rewrite definitions in the standard layout",
		Long: `Rewrites the *.hcl files of each DIR, or each FILE, in the standard layout, and
prints the names of those that changed. With --check nothing is written, and
the exit code is 1 when a file is not in the standard layout.`,
		Example: `  patchlab fmt examples/dental
  patchlab fmt --check examples/dental`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.fmt(args, check) },
	}
	cmd.Flags().BoolVar(&check, "check", false, "only say which files are not in the standard layout")
	return cmd
}

func (a *app) fmt(args []string, check bool) error {
	changed := false
	for _, arg := range args {
		files := []string{arg}
		if info, err := os.Stat(arg); err != nil {
			return usagef("give a definition's folder or file", "cannot format %s: %w", arg, err)
		} else if info.IsDir() {
			if files, err = hcl.Files(arg); err != nil {
				return err
			}
		}
		for _, file := range files {
			did, err := a.fmtFile(file, check)
			if err != nil {
				return err
			}
			changed = changed || did
		}
	}
	if check && changed {
		return codeError(exitFail)
	}
	return nil
}

// fmtFile formats one file and reports whether it was not in the layout.
func (a *app) fmtFile(file string, check bool) (bool, error) {
	src, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return false, &lab.UsageError{Err: fmt.Errorf("cannot read the definition: %w", err)}
	}
	out, err := hcl.Format(src, file)
	if err != nil {
		return false, err
	}
	if bytes.Equal(src, out) {
		return false, nil
	}
	if !check {
		if err := renameio.WriteFile(file, out, 0o644, renameio.WithExistingPermissions()); err != nil {
			return false, &lab.HostError{Op: "write " + file, Err: err}
		}
	}
	_, err = fmt.Fprintln(a.stdout, file)
	return true, err
}
