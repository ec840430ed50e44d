package site

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// item is one file of the site.
type item struct {
	path string // below the folder, with slashes
	// input is a hash of what the file is made of; empty: its contents are
	// made and compared, whatever they are made of.
	input  string
	render func() ([]byte, error)
	// doubtful is set by render where it could not do what it should: then it
	// is done again the next time.
	doubtful *bool
}

// Write writes the site to the folder out, which is made. What it wrote
// before is replaced, and what is no longer of it removed; a folder that holds
// other things is refused with a *lab.UsageError. Pages of runs that have not
// changed are left as they are. It waits for another process that writes to
// the same folder. What is cut off leaves each file whole, and is made good by
// the next Write. Errors: *lab.UsageError, *lab.HostError, ctx's.
func Write(ctx context.Context, out string, o Options) (*Written, error) {
	r, err := newRenderer(o)
	if err != nil {
		return nil, err
	}
	h := arrange(o)
	problems := make([]string, len(h.runs))
	runs := r.runItems(h, o, problems)
	items, err := r.lists(h)
	if err != nil {
		return nil, err
	}
	w := writer{items: append(runs, items...)}
	if err := w.write(ctx, out); err != nil {
		return nil, err
	}
	problems = slices.DeleteFunc(problems, func(p string) bool { return p == "" })
	return &Written{Pages: len(w.items), Runs: len(runs), Fresh: w.fresh, Gone: w.gone, Problems: problems}, nil
}

// writer brings items to a folder.
type writer struct {
	items []item
	d     *folder
	old   *manifest

	mu    sync.Mutex
	now   *manifest
	fresh int
	gone  int
}

func (w *writer) write(ctx context.Context, out string) error {
	d, err := open(ctx, out)
	if err != nil {
		return err
	}
	defer d.close()
	w.d = d
	if w.old, err = readManifest(d); err != nil {
		return err
	}
	if err := d.clear(w.old, w.items); err != nil {
		return err
	}
	if err := w.old.begun(w.items).write(d); err != nil {
		return err
	}
	w.now = &manifest{Version: manifestVersion, Files: map[string]written{}}
	if err := w.all(ctx); err != nil {
		return err
	}
	if err := w.tidy(); err != nil {
		return err
	}
	return w.now.write(d)
}

// all writes the items, as many at once as there are processors. Pages of runs
// come first and the overview last: whoever looks meanwhile finds what a list
// names.
func (w *writer) all(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for i, it := range w.items {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return w.d.fault(err)
			}
			return w.one(it, i)
		})
	}
	return g.Wait()
}

// one writes an item, where it is not there as it should be.
func (w *writer) one(it item, number int) error {
	old := w.old.Files[it.path]
	there := old.Input != "" && w.d.has(it.path, old.Size)
	if there && old.Input == it.input {
		w.note(it.path, old, false)
		return nil
	}
	text, err := it.render()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	now := written{Input: cmp.Or(it.input, hex.EncodeToString(sum[:])), Size: int64(len(text))}
	if it.doubtful != nil && *it.doubtful {
		now.Input = ""
	}
	if there && old == now {
		w.note(it.path, now, false)
		return nil
	}
	w.note(it.path, now, true)
	return w.d.put(it.path, text, number)
}

func (w *writer) note(path string, now written, fresh bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now.Files[path] = now
	if fresh {
		w.fresh++
	}
}

// tidy removes what was of the site and no longer is.
func (w *writer) tidy() error {
	var gone []string
	for path := range w.old.Files {
		if _, still := w.now.Files[path]; !still {
			gone = append(gone, path)
		}
	}
	slices.Sort(gone)
	w.gone = len(gone)
	if err := w.d.remove(gone); err != nil {
		return err
	}
	if err := w.d.root.RemoveAll(tempName); err != nil {
		return w.d.fault(err)
	}
	return nil
}
