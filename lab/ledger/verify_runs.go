package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// removed are the runs that the entries say were removed.
func removed(entries []Entry) map[keptRun]bool {
	out := map[keptRun]bool{}
	for i := range entries {
		for _, id := range entries[i].Pruned {
			out[keptRun{entries[i].Lab, id}] = true
		}
	}
	return out
}

// runs compares the folder of each run that an entry is of, on all processors,
// and notes those that no entry is of.
func (a *audit) runs(ctx context.Context) error {
	root, err := os.OpenRoot(a.g.Runs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return hostError("read the run records", err)
	}
	if root != nil {
		defer root.Close()
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i := range a.shelf.books {
		a.bookRuns(inner, group, root, i)
	}
	err = group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return hostError("read the run records", err)
	}
	return a.unentered()
}

func (a *audit) bookRuns(ctx context.Context, group *errgroup.Group, root *os.Root, i int) {
	b, entries := a.shelf.books[i], a.entries[i]
	here, there := removed(a.entries[0]), removed(entries)
	for n := range entries {
		e := &entries[n]
		if e.Kind != Run || ctx.Err() != nil {
			continue
		}
		r := keptRun{e.Lab, e.Run.ID}
		kept := root != nil && exists(root, r)
		switch {
		case here[r] && kept:
			a.note(Problem{Ledger: b.shownID(), Seq: e.Seq, Run: r.path(), Text: "is to be removed, and still there: patchlab gc goes on"})
		case !kept && (here[r] || there[r]):
			a.out.Pruned++ // nobody else counts meanwhile
		case !kept && b.merged != nil && slices.Contains(b.merged.Missing, r.path()):
			a.note(Problem{Ledger: b.id, Seq: e.Seq, Run: r.path(), Text: "its record was not there when the ledger was merged"})
		case !kept:
			p := Problem{Ledger: b.shownID(), Seq: e.Seq, Run: r.path(), Text: "its folder is gone, and no entry says so", gone: true}
			a.problem(p)
		case a.skip != nil && a.skip(r):
		default:
			group.Go(func() error { return a.run(ctx, root, b, e) })
		}
	}
}

func (r keptRun) path() string { return filepath.Join(r.lab, r.id) }

func exists(root *os.Root, r keptRun) bool {
	_, err := root.Lstat(r.path())
	return err == nil
}

func (a *audit) run(ctx context.Context, root *os.Root, b *book, e *Entry) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	problems, err := checkRun(ctx, root, e)
	for i := range problems {
		problems[i].Ledger = b.shownID()
	}
	a.problem(problems...)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.out.Runs++
	return err
}

// unentered notes the runs that have no entry.
func (a *audit) unentered() error {
	runs, err := a.g.kept()
	if err != nil {
		return err
	}
	in := map[keptRun]bool{}
	for _, entries := range a.entries {
		for i := range entries {
			if entries[i].Run != nil {
				in[keptRun{entries[i].Lab, entries[i].Run.ID}] = true
			}
		}
	}
	for _, r := range runs {
		if in[r] {
			continue
		}
		switch dir := a.g.dirOf(r); {
		case HasSums(dir):
			a.note(Problem{Run: r.path(), Text: "is not entered yet"})
		case isRun(dir):
			a.note(Problem{Run: r.path(), Text: "has no " + sumsFile + ", so no entry vouches for it: its disk was full, or it is of before there was a ledger"})
		}
	}
	return nil
}
