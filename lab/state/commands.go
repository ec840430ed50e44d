package state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/patchlab/patchlab/lab"
)

// watchedCommands runs what the definition says, one command after the other.
func watchedCommands(ctx context.Context, g lab.Guest, st *stock, p lab.Progress) error {
	st.looked(lab.StateCommand)
	for _, c := range g.Machine().Watch.Commands {
		p.Step(fmt.Sprintf("running watched command %q", c.Name))
		if err := watchedCommand(ctx, g, st, c); err != nil {
			return err
		}
	}
	return nil
}

func watchedCommand(ctx context.Context, g lab.Guest, st *stock, c lab.WatchedCommand) error {
	sum := hashed{hash: sha256.New()}
	out, err := g.Run(ctx, lab.Command{Shell: c.Run, Stdout: &sum, Timeout: commandTimeout})
	switch {
	case err != nil && tooLate(ctx, err):
		st.gap(fmt.Sprintf("watched command %q", c.Name), fmt.Sprintf("it did not finish within %s", commandTimeout))
		st.add(lab.StateCommand, c.Name, lab.NotLookedAt)
		return nil
	case err != nil:
		return err
	}
	code := fmt.Sprint(out.ExitCode)
	if out.Signal != "" {
		code = "SIG" + out.Signal
	}
	st.add(lab.StateCommand, c.Name, code+" "+hex.EncodeToString(sum.hash.Sum(nil)))
	st.text(lab.StateCommand, c.Name, sum.head.data)
	return nil
}

// hashed hashes what is written to it and keeps the head: one byte more than
// what is kept of a text, so that too long a one is known.
type hashed struct {
	hash hash.Hash
	head limited
}

// Write never fails.
func (h *hashed) Write(b []byte) (int, error) {
	h.head.most = maxText + 1
	_, _ = h.head.Write(b)
	return h.hash.Write(b)
}
