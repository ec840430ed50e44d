package snapshots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/patchlab/patchlab/lab"
)

// Prove implements lab.Ready.
func (r *ready) Prove(ctx context.Context, instances []string, full bool, p lab.Progress) lab.Receipt {
	p = lab.Quiet(p)
	started := time.Now()
	rec := lab.Receipt{Instances: instances, Check: checkName(full)}
	defer func() { rec.Seconds = time.Since(started).Seconds() }()
	note := func(problems ...string) { rec.Problems = append(rec.Problems, problems...) }

	left := r.engine.Store.remains(instances, r.lab.Name)
	rec.Gone = len(left) == 0
	note(left...)

	p.Step("forking once more, to look for what is left")
	inst, err := r.engine.fork(ctx, r.state, r.lab, forkOptions{arm: lab.ArmProof, wait: patience}, p)
	if err == nil {
		// The fork itself refuses another nonce, and any marker.
		rec.Nonce, rec.Marker = true, true
		err = inst.takeDown(ctx)
	}
	if err != nil {
		note(err.Error())
	}
	changed := r.state.changedLayers(ctx, full, p)
	rec.Layers, rec.Files = len(changed) == 0, len(r.state.Layers)
	note(changed...)
	rec.Proven = rec.Nonce && rec.Marker && rec.Layers && rec.Gone && len(rec.Problems) == 0
	rec.Seconds = time.Since(started).Seconds()
	return rec
}

func checkName(full bool) string {
	if full {
		return "full"
	}
	return "fast"
}

// remains lists what is left of instances that were destroyed: folders,
// sockets, journals.
func (s *Store) remains(ids []string, labName string) []string {
	var left []string
	for _, id := range ids {
		for _, path := range []string{
			filepath.Join(s.labsDir(), labName, "instances", id),
			filepath.Join(s.runtime, id), s.journalPath(id),
		} {
			if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
				left = append(left, fmt.Sprintf("%s of instance %s is still there", path, id))
			}
		}
		left = append(left, processesOf(filepath.Join(s.runtime, id))...)
	}
	return left
}

// processesOf lists the processes that have files below dir in their command
// lines, as QEMU and an instance's agent do.
func processesOf(dir string) []string {
	var left []string
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), dir+"/") {
			left = append(left, fmt.Sprintf("process %s still runs", filepath.Base(filepath.Dir(f))))
		}
	}
	return left
}

// changedLayers compares all files of r with what they were when they were
// frozen.
func (r *readyState) changedLayers(ctx context.Context, full bool, p lab.Progress) []string {
	var problems []string
	_ = ticking(p, "comparing the frozen files", func() error {
		problems = changedLayers(ctx, r.dir, r.Layers, full)
		return nil
	})
	return problems
}

// changedLayers says which of the layers in dir are not what they were.
func changedLayers(ctx context.Context, dir string, layers []layer, full bool) []string {
	found := make([]string, len(layers))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, l := range layers {
		g.Go(func() error {
			if err := l.unchanged(gctx, dir, full); err != nil {
				found[i] = err.Error()
			}
			return nil
		})
	}
	_ = g.Wait() // none returns an error
	var problems []string
	for _, f := range found {
		if f != "" {
			problems = append(problems, f)
		}
	}
	return problems
}
