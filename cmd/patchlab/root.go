package main

import (
	"errors"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/snapshots"
)

// app is what the commands share: the streams, the environment, the flags of
// every command.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string

	proxy atomic.Bool // whether this process is the ProxyCommand of an ssh

	format   string
	vars     []string
	varFiles []string
	wait     time.Duration // for memory that others hold; 0: not at all

	display atomic.Pointer[ui] // what shows progress now; nil: nothing does
}

// newRoot makes the whole command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "patchlab",
		Short: "Test a patch on a copy of the customer's machines before it ships",
		Long: `patchlab makes a copy of a customer's environment out of a lab definition:
virtual machines cloned from snapshots, wired as the customer's network is.
It applies a patch over SSH, makes smoke checks before and after, says whether
the patch broke anything, keeps the evidence, and takes everything down again.

` + exitHelp,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		Version:                    version(),
		Example:                    "  patchlab doctor\n  patchlab test examples/dental",
		Args:                       knownCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &lab.UsageError{Err: err, Hint: cmd.CommandPath() + " --help"}
	})
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Testing patches:"},
		&cobra.Group{ID: "evidence", Title: "Evidence:"},
		&cobra.Group{ID: "define", Title: "Lab definitions:"},
		&cobra.Group{ID: "live", Title: "Living in a lab:"},
		&cobra.Group{ID: "host", Title: "This host:"},
	)
	group(root, "run", a.testCommand(), a.nightCommand(), a.bisectCommand(), a.bundleCommand())
	group(root, "evidence", a.runsCommand(), a.showCommand(), a.reportCommand(), a.compareCommand(), a.historyCommand(),
		a.approveCommand(), a.rejectCommand(), a.gateCommand(), a.exportCommand(), a.verifyCommand(), a.ledgerCommand(), a.siteCommand())
	group(root, "define", a.validateCommand(), a.fmtCommand(), a.planCommand(), a.graphCommand(), a.suggestCommand())
	group(root, "live", a.upCommand(), a.statusCommand(), a.sshCommand(), a.sshConfigCommand(),
		a.consoleCommand(), a.logsCommand(), a.snapshotCommand(), a.snapshotsCommand(), a.revertCommand(),
		a.downCommand(), a.dialCommand())
	group(root, "host", a.imageCommand(), a.gcCommand(), a.notifyCommand(), a.doctorCommand())
	root.AddCommand(a.agentCommand(), a.docsCommand())
	wrapArgs(root)
	return root
}

// knownCommand refuses a word that is no command, and says which one is meant.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := cmd.CommandPath() + " --help"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + cmd.CommandPath() + " " + near[0] + "?"
	}
	return usagef(hint, "unknown command %q for %q", args[0], cmd.CommandPath())
}

func group(root *cobra.Command, id string, cmds ...*cobra.Command) {
	for _, c := range cmds {
		c.GroupID = id
		root.AddCommand(c)
	}
}

// wrapArgs makes wrong arguments of every command usage errors, and ends each
// command's help with the exit codes.
func wrapArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			if _, ok := errors.AsType[*lab.UsageError](err); err != nil && !ok {
				return &lab.UsageError{Err: err, Hint: c.CommandPath() + " --help"}
			}
			return err
		}
	}
	if cmd.HasParent() {
		cmd.Long = strings.TrimSpace(cmd.Long + "\n\n" + exitHelp)
	}
	for _, c := range cmd.Commands() {
		wrapArgs(c)
	}
}

// version is the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	i := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "vcs.revision" })
	if i >= 0 {
		return info.Main.Version + " " + info.Settings[i].Value
	}
	return info.Main.Version
}

// addFormat gives cmd the flag --format with the values it knows; the first is
// the default.
func (a *app) addFormat(cmd *cobra.Command, values ...string) {
	format := cmd.Flags().String("format", values[0], "output: "+strings.Join(values, ", "))
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	run := cmd.RunE
	cmd.RunE = func(c *cobra.Command, args []string) error {
		a.format = *format
		if !slices.Contains(values, a.format) {
			return usagef(c.CommandPath()+" --help", "unknown --format %q: want %s", a.format, strings.Join(values, " or "))
		}
		return run(c, args)
	}
}

// addVars gives cmd the flags for the definition's variables.
func (a *app) addVars(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&a.vars, "var", nil, "set a variable of the definition: name=value (repeatable)")
	cmd.Flags().StringArrayVar(&a.varFiles, "var-file", nil, "read variables from a file (repeatable)")
}

// load reads and validates the definition in dir.
func (a *app) load(dir string) (*lab.Lab, error) {
	l, diags := hcl.Load(dir, hcl.Options{Vars: a.vars, VarFiles: a.varFiles, Environ: a.env})
	if diags.HasErrors() {
		return nil, diags
	}
	return l, nil
}

// store opens the state on this host.
func (a *app) store() (*snapshots.Store, error) {
	home, err := snapshots.DefaultHome(a.getenv)
	if err != nil {
		return nil, err
	}
	return snapshots.Open(home, snapshots.DefaultRuntime(a.getenv))
}

// getenv looks a variable up in the command's environment.
func (a *app) getenv(name string) string {
	value := ""
	for _, kv := range a.env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// isTerminal reports whether w is a terminal.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colour reports whether w is to get colours.
func (a *app) colour(w io.Writer) bool { return isTerminal(w) && a.getenv("NO_COLOR") == "" }
