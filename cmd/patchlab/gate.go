package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

// defaultMaxAge is how old a pass may be.
const defaultMaxAge = 30 * 24 * time.Hour

func (a *app) gateCommand() *cobra.Command {
	var dir string
	age := duration(defaultMaxAge)
	cmd := &cobra.Command{
		Use:   "gate FILE… --lab DIR",
		Short: "Say whether these very bytes may go out: exit code 0 only if they passed",
		Long: `Ends with exit code 0 only if each FILE, by its SHA-256, belongs to a patch that
passed, or was approved, on the lab as its definition is now, within --max-age;
else with 1, and the reason for each: never tested; tested but these bytes differ
from those tested; failed; rejected; expired; the lab has changed since; tested
only together with other files, which were not given.

An inconclusive run neither helps nor harms. A run that failed outweighs an
earlier approval, a rejection every run until somebody approves the patch. A pass
outweighs an earlier failure only if it was on the machines that failed, and with
as much care: with a control arm and a verifying reboot where the failing run had
them, as the same patch where the definition names it, and no trial of a bisection.

Runs that were cut off before they could be entered in the ledger are entered
first; one that cannot be is an error that names it.`,
		Example: `  patchlab gate openssl_3.0.17-1_amd64.deb libssl3_3.0.17-1_amd64.deb --lab labs/dental && deploy
  patchlab gate kb5031.msu --lab labs/dental --max-age 7d --format json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.gate(args, dir, age.value()) },
	}
	a.addFormat(cmd, "text", "json")
	a.addVars(cmd)
	a.addLab(cmd, &dir)
	cmd.Flags().Var(&age, "max-age", "how old a pass, or an approval without an end, may be; 0: any age")
	return cmd
}

// addLab gives cmd the flag for a lab's definition.
func (a *app) addLab(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "lab", "", "folder of the lab's definition, or the lab's name when it was tested on this host")
	_ = cmd.MarkFlagDirname("lab")
	_ = cmd.MarkFlagRequired("lab")
}

// present loads a lab by its folder or its name, with what it says now.
func (a *app) present(g *ledger.Ledger, ref string) (*lab.Lab, lab.Fingerprint, error) {
	dir, err := a.labDir(g, ref)
	if err != nil {
		return nil, lab.Fingerprint{}, err
	}
	l, err := a.load(dir)
	if err != nil {
		return nil, lab.Fingerprint{}, err
	}
	if dir != ref && l.Name != ref { // the folder is another lab's now
		return nil, lab.Fingerprint{}, usagef("--lab DIR", "lab %q was last tested from %s, which defines lab %q now", ref, dir, l.Name)
	}
	now, err := ledger.Present(l)
	return l, now, err
}

// labDir is ref where it is a folder, else the one that the lab of this name
// was last tested from.
func (a *app) labDir(g *ledger.Ledger, ref string) (string, error) {
	if info, err := os.Stat(ref); err == nil && info.IsDir() {
		return ref, nil
	}
	newest, err := g.Entries(ledger.Filter{Lab: ref, Kinds: []ledger.Kind{ledger.Run}, Limit: 1, Own: true})
	if err != nil {
		return "", untrusted(err)
	}
	if len(newest) == 0 {
		return "", usagef("--lab DIR", "there is neither a folder %s nor a run of a lab of this name", ref)
	}
	dir := newest[0].Definition.Dir
	if info, err := os.Stat(filepath.Clean(dir)); err != nil || !info.IsDir() {
		return "", usagef("--lab DIR", "the definition of lab %q is no longer in %s", ref, dir)
	}
	return dir, nil
}

func (a *app) gate(files []string, ref string, maxAge time.Duration) error {
	g, err := a.ledger()
	if err != nil {
		return err
	}
	l, now, err := a.present(g, ref)
	if err != nil {
		return err
	}
	answers, err := g.Gate(ledger.Question{Lab: l.Name, Now: now, Files: files, MaxAge: maxAge})
	if err != nil {
		return untrusted(err)
	}
	refused := false
	for _, answer := range answers {
		refused = refused || !answer.Allowed
	}
	if err := a.printAnswers(answers); err != nil {
		return err
	}
	if refused {
		return codeError(exitFail)
	}
	return nil
}

func (a *app) printAnswers(answers []ledger.Answer) error {
	if a.format == "json" {
		return a.encode(answers)
	}
	for _, answer := range answers {
		word := "go"
		if !answer.Allowed {
			word = "NO GO"
		}
		if _, err := fmt.Fprintf(a.stdout, "%s: %s: %s\n", lab.Printable(answer.File, 200), word, lab.Printable(answer.Reason, 2000)); err != nil {
			return err
		}
		for _, note := range answer.Notes {
			fmt.Fprintf(a.stdout, "  %s\n", lab.Printable(note, 400))
		}
	}
	return nil
}

// untrusted gives the error of a ledger that was tampered with a hint.
func untrusted(err error) error {
	if errors.Is(err, ledger.ErrTampered) {
		return &lab.HostError{Op: "trust the ledger", Err: err, Hint: "patchlab verify says what was altered"}
	}
	return err
}

func (a *app) exportCommand() *cobra.Command {
	var dir string
	age := duration(defaultMaxAge)
	cmd := &cobra.Command{
		Use:   "export --lab DIR",
		Short: "Write what may go out to a lab's client, for the tools that roll it out",
		Long: `Writes the patches that patchlab gate lets out on the lab as its definition is now:
apt preferences that want just these versions, variables for Ansible, a PowerShell
script that approves the updates on a WSUS server, or CSV. What a format cannot
say is named in a comment.

apt and WSUS go by version and number, not by bytes: what was released again under
the same, and failed or was rejected, is left out and named. The apt preferences
also keep packages as they are of which the lab knows no approved version now.
Write them to a file aside and move it into place: an export that fails must not
leave an empty file, which would let everything in.`,
		Example: `  patchlab export --lab labs/dental --format apt > /etc/apt/00-patchlab.new &&
      mv /etc/apt/00-patchlab.new /etc/apt/preferences.d/00-patchlab
  patchlab export --lab labs/dental --format ansible > group_vars/dental/patchlab.yml.new &&
      mv group_vars/dental/patchlab.yml.new group_vars/dental/patchlab.yml`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			g, err := a.ledger()
			if err != nil {
				return err
			}
			l, now, err := a.present(g, dir)
			if err != nil {
				return err
			}
			approved, err := g.Approved(l.Name, now, age.value())
			if err != nil {
				return untrusted(err)
			}
			return ledger.Export(a.stdout, a.format, l.Name, approved)
		},
	}
	a.addFormat(cmd, ledger.ExportApt, ledger.ExportAnsible, ledger.ExportWSUS, ledger.ExportCSV)
	a.addVars(cmd)
	a.addLab(cmd, &dir)
	cmd.Flags().Var(&age, "max-age", "how old a pass, or an approval without an end, may be; 0: any age")
	return cmd
}
