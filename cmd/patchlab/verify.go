package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

func (a *app) verifyCommand() *cobra.Command {
	var signers string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Look for anything altered in the ledger and the run records",
		Long: `Reads the whole ledger, those merged into it, and every file of every run record,
and names each entry that was changed, removed or reordered, and each record that
is not as its entry says. Then the exit code is 3. Notes are no tampering: a run
that is not entered, or that has no SHA256SUMS for an entry to vouch for.

Entries are sealed with the SSH key that PATCHLAB_SEAL_KEY names, where it does.
--signers is a file of the operators' public keys (ssh-keygen(1), ALLOWED
SIGNERS): without it a seal only shows that its entry is unchanged, not who made
it. The stock tool verifies a seal as well, here of entry 12:

  cd $PATCHLAB_HOME/ledger
  sed -n 12p entries.jsonl | ssh-keygen -Y verify -f allowed_signers \
      -I jane@example.com -n patchlab-ledger -s seals/12.sig`,
		Example: "  patchlab verify\n  patchlab verify --signers allowed_signers --format json | jq .problems",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context(), signers) },
	}
	a.addFormat(cmd, "text", "json")
	cmd.Flags().StringVar(&signers, "signers", "", "file of the keys that may seal")
	return cmd
}

func (a *app) verify(ctx context.Context, signers string) error {
	g, err := a.ledger()
	if err != nil {
		return err
	}
	v, err := g.Verify(ctx, signers)
	if err != nil {
		return err
	}
	if a.format == "json" {
		err = a.encode(v)
	} else {
		_, err = fmt.Fprint(a.stdout, verified(v))
	}
	if err == nil && len(v.Problems) > 0 {
		err = codeError(exitInconclusive)
	}
	return err
}

// verified says what was found.
func verified(v *ledger.Verified) string {
	var b strings.Builder
	for _, p := range v.Problems {
		fmt.Fprintf(&b, "ALTERED: %s\n", lab.Printable(whereabouts(p), 600))
	}
	for _, n := range v.Notes {
		fmt.Fprintf(&b, "note: %s\n", lab.Printable(whereabouts(n), 600))
	}
	word := "nothing was altered"
	if len(v.Problems) > 0 {
		word = plural(len(v.Problems), "problem")
	}
	seals := fmt.Sprintf("%d sealed", v.Seals)
	if v.Seals > 0 && !v.Trusted {
		seals += " (by whom was not asked: --signers)"
	}
	fmt.Fprintf(&b, "%s: %d entries (%s), %s, %s, %d removed by retention\n",
		word, v.Entries, seals, plural(v.Ledgers, "ledger"), plural(v.Runs, "run record"), v.Pruned)
	return b.String()
}

// whereabouts is a problem with its place in front.
func whereabouts(p ledger.Problem) string {
	var where []string
	if p.Ledger != "" {
		where = append(where, "ledger "+p.Ledger)
	}
	if p.Seq > 0 {
		where = append(where, fmt.Sprintf("entry %d", p.Seq))
	}
	if p.Run != "" {
		where = append(where, "run "+p.Run)
	}
	if p.File != "" {
		where = append(where, p.File)
	}
	return strings.Join(append(where, p.Text), ": ")
}
