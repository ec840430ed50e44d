package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/patchlab/patchlab/lab"
)

// seals checks every seal, as many at once as there are processors: each takes
// some processes.
func (a *audit) seals(ctx context.Context) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	var listing error
	for i, b := range a.shelf.books {
		if len(b.lines) == 0 || listing != nil {
			continue
		}
		var found []int
		if found, listing = a.listSeals(b); listing != nil {
			continue
		}
		a.countSeals(b, found)
		for _, n := range found {
			if a.skipSeal != nil && a.skipSeal(b.id, n) {
				continue
			}
			group.Go(func() error { return a.seal(inner, b, &a.entries[i][n-1], n) })
		}
	}
	err := errors.Join(listing, group.Wait())
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return &lab.HostError{Op: "check the seals", Err: err, Hint: "install openssh-client"}
	case err != nil:
		return hostError("check the seals", err)
	}
	return nil
}

// listSeals returns the numbers of the entries that count and have a seal.
func (a *audit) listSeals(b *book) (found []int, err error) {
	list, err := fs.ReadDir(a.shelf.root.FS(), filepath.Join(b.dir, sealsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		if strings.HasPrefix(d.Name(), ".") {
			continue // what a process that died has left of writing one
		}
		n, err := strconv.Atoi(strings.TrimSuffix(d.Name(), ".sig"))
		switch {
		case err != nil || sealPath(n) != filepath.Join(sealsDir, d.Name()) || n < 1 || n > len(b.chain.lines):
			a.problem(Problem{Ledger: b.shownID(), File: filepath.Join(b.dir, sealsDir, d.Name()), Text: "is of no entry"})
		case n <= len(b.lines):
			found = append(found, n)
		}
	}
	return found, nil
}

func (a *audit) countSeals(b *book, found []int) {
	missing := len(b.lines) - len(found)
	a.out.Seals += len(found)
	a.out.Unsealed += missing
	if len(found) == 0 || missing == 0 {
		return
	}
	sealed := map[int]bool{}
	for _, n := range found {
		sealed[n] = true
	}
	first := 1
	for sealed[first] {
		first++
	}
	a.note(Problem{Ledger: b.shownID(), Seq: first, Text: fmt.Sprintf("has no seal, as the first of %d", missing)})
}

// seal checks the seal of line n.
func (a *audit) seal(ctx context.Context, b *book, e *Entry, n int) error {
	path := filepath.Join(b.dir, sealPath(n))
	text, err := readSmall(a.shelf.root, path, maxSmall)
	if err != nil && !broken(err) {
		return err
	}
	wrong := err
	if err == nil {
		wrong, err = checkSeal(ctx, filepath.Join(a.g.Dir, path), text, b.lines[n-1], e.Time, a.signers)
		if err != nil {
			return err
		}
	}
	if wrong != nil {
		a.problem(Problem{Ledger: b.shownID(), Seq: n, File: path, Text: "the seal does not hold: " + wrong.Error()})
	}
	return nil
}
