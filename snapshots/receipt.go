package snapshots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
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
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	for _, d := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(d)); err == nil && runsIn(pid, dir) {
			left = append(left, fmt.Sprintf("process %d still runs", pid))
		}
	}
	return left
}

// runsIn reports whether a process has files below dir in its command line.
func runsIn(pid int, dir string) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return err == nil && strings.Contains(string(b), dir+"/")
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

// changed says which of the frozen files of a point are not what they were, or
// of the disks that its own stand on. Files is how many there are.
func (l *live) changed(ctx context.Context, name string, full bool) (problems []string, files int) {
	look := func(dir string, layers []layer) {
		problems = append(problems, changedLayers(ctx, dir, layers, full)...)
		files += len(layers)
	}
	if name == ReadyPoint {
		look(l.ready.dir, l.ready.Layers)
		return problems, files
	}
	p := l.point(name)
	look(p.dir, p.Layers)
	for range l.points {
		if p = l.point(p.Base); p == nil {
			break
		}
		look(p.dir, diskLayers(p.Machines, p.Layers))
	}
	look(l.ready.dir, diskLayers(l.ready.Machines, l.ready.Layers))
	return problems, files
}

// diskLayers are the layers that are disks of machines.
func diskLayers(machines []readyMachine, layers []layer) []layer {
	var list []layer
	for _, l := range layers {
		if slices.ContainsFunc(machines, func(m readyMachine) bool {
			return slices.ContainsFunc(m.Disks, func(d agent.DiskSpec) bool { return d.Path == l.Name })
		}) {
			list = append(list, l)
		}
	}
	return list
}
