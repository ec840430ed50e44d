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

// Revert takes the instance that is up under ref back to a snapshot, or to the
// ready state when name is empty or ReadyPoint. All its machines go on from
// that instant; the agent and the lab's network stay, and with them what
// machines had open among each other. Full reads all frozen files instead of
// trusting the file system's times. What was not proven is in the receipt; an
// error means that the instance is not where it was asked to be.
func (e *Engine) Revert(ctx context.Context, ref, name string, full bool, p lab.Progress) (rec lab.Receipt, err error) {
	p = lab.Quiet(p)
	started := time.Now()
	if name == "" {
		name = ReadyPoint
	}
	l, unlock, err := e.live(ctx, ref)
	if err != nil {
		return lab.Receipt{}, err
	}
	defer unlock()
	rv := &reverting{live: l, store: e.Store, name: name, full: full, p: p}
	rv.rec = lab.Receipt{Instances: []string{l.ID()}, Check: checkName(full)}
	for _, step := range []func(context.Context) error{rv.choose, rv.prepare, rv.swap, rv.prove} {
		if err := step(ctx); err != nil {
			return lab.Receipt{}, err
		}
	}
	rv.rec.Seconds = time.Since(started).Seconds()
	return rv.rec, nil
}

// reverting is one revert under way.
type reverting struct {
	*live
	store *Store
	name  string
	full  bool
	p     lab.Progress

	src   *source
	known map[string]string // markers that were saved: see point
	to    current
	dir   string              // of the new generation
	next  []agent.MachineSpec // the machines as they will be
	pids  []int               // of the machines as they were
	old   []string            // the files that they wrote to
	rec   lab.Receipt
}

// choose finds what is to be gone back to, and refuses it when its files are
// not what they were.
func (rv *reverting) choose(ctx context.Context) error {
	rv.src = rv.ready.source(true)
	if rv.name != ReadyPoint {
		pt, err := rv.named(rv.name)
		if err != nil {
			return err
		}
		rv.src, rv.known = pt.source(), pt.Markers
	}
	rv.to = current{Point: rv.name, Base: rv.name, Nonces: map[string]string{}, Markers: map[string]string{}}
	need := 1
	for _, m := range rv.src.machines {
		rv.to.Nonces[m.Name] = m.Nonce
		if m.RAM != "" {
			need += int(allocatedBytes(rv.src.path(m.RAM)) >> 20)
		}
	}
	if err := rv.store.checkDisk("revert", need); err != nil {
		return err
	}
	rv.p.Step("comparing the frozen files")
	if changed, _ := rv.changed(ctx, rv.name, rv.full); len(changed) > 0 {
		return &lab.HostError{Op: "revert to " + rv.name, Err: errors.New(changed[0]), Hint: "nothing was touched; patchlab down, then patchlab up makes a new instance"}
	}
	return nil
}

// prepare makes the new generation's files, while the machines still run.
func (rv *reverting) prepare(ctx context.Context) error {
	dir := rv.files.Spec.Dir
	rv.dir = generationDir(dir, rv.generation()+1)
	if err := rv.store.journalOf(rv.ID()).intend(intent{Step: "generation", Path: rv.dir}); err != nil {
		return err
	}
	if err := rv.store.own.mkdir(rv.dir); err != nil {
		return err
	}
	rv.next = slices.Clone(rv.files.Spec.Machines)
	g, gctx := errgroup.WithContext(ctx)
	for i := range rv.next {
		m := &rv.next[i]
		rv.old = append(rv.old, ownFiles(m)...)
		g.Go(func() error {
			if _, err := rv.store.forkMachine(gctx, rv.src, m, rv.dir); err != nil {
				return fmt.Errorf("cannot prepare machine %q: %w", m.Name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return errors.Join(err, os.RemoveAll(rv.dir))
	}
	// Before the machines stand there: the agent may finish what a killed
	// process has asked it for.
	return writeJSON(filepath.Join(rv.dir, currentFile), rv.to)
}

// generation is the number of the newest generation that there ever was.
func (rv *reverting) generation() int {
	newest := 0
	for _, m := range rv.files.Spec.Machines {
		for _, d := range m.Disks {
			n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(filepath.Dir(d.Path)), "g"))
			if err == nil {
				newest = max(newest, n)
			}
		}
	}
	return newest
}

// swap ends the machines and starts them from what was saved.
func (rv *reverting) swap(ctx context.Context) error {
	if len(rv.current.Markers) < len(rv.files.Spec.Machines) {
		rv.rec.Notes = append(rv.rec.Notes, "not every machine held a marker, since SSH did not answer when one was to be left")
	}
	if st, err := rv.client.Status(ctx); err == nil {
		for _, m := range st.Machines {
			if m.PID > 0 {
				rv.pids = append(rv.pids, m.PID)
			}
		}
	}
	if err := rv.store.journalOf(rv.ID()).intend(intent{Step: "revert"}); err != nil {
		return err
	}
	rv.p.Step("starting the machines from the saved state")
	// Not left half done when ctx ends: the machines are ended already then.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeDownLimit)
	defer cancel()
	if err := rv.client.Replace(ctx, rv.next); err != nil {
		return &lab.HostError{Op: "start the machines from " + rv.name, Err: err, Hint: "patchlab revert once more, or patchlab down"}
	}
	rv.files.Spec.Machines, rv.current = rv.next, rv.to
	return nil
}

// prove looks into the machines, and for what is left of the later time.
func (rv *reverting) prove(ctx context.Context) error {
	rv.p.Step("waking the machines")
	rv.guests, rv.nonces = map[string]sshGuest{}, rv.to.Nonces
	for _, m := range rv.files.Spec.Machines {
		rv.guests[m.Name] = rv.guest(&lab.Machine{Name: m.Name, Image: &lab.Image{OS: lab.OS(m.OS)}})
	}
	marker := newMarker()
	looks, err := rv.wake(ctx, marker)
	for _, g := range rv.guests {
		_ = g.Close()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	rec := &rv.rec
	rec.Nonce, rec.Marker = err == nil, err == nil
	if err != nil { // it may have been saved that way
		rec.Problems = append(rec.Problems, "nothing can be looked at in a machine that does not answer: "+err.Error())
	}
	for _, w := range looks {
		rec.Nonce = rec.Nonce && w.NonceEqual
		rec.Marker = rec.Marker && len(later(w, rv.known)) == 0
		rv.to.Markers[w.machine] = marker
	}
	rec.Problems = append(rec.Problems, judgeWoken(looks, rv.known)...)
	if err := rv.stand(rv.to); err != nil {
		return err
	}
	changed, files := rv.changed(ctx, rv.name, rv.full)
	rec.Layers, rec.Files = len(changed) == 0, files
	rec.Problems = append(rec.Problems, changed...)
	rv.proveGone()
	rec.Proven = rec.Nonce && rec.Marker && rec.Layers && rec.Gone
	return nil
}

// proveGone removes the files of the later time and looks for its processes.
func (rv *reverting) proveGone() {
	var left []string
	if _, err := rv.store.tidy(rv.live, false); err != nil {
		left = append(left, err.Error())
	}
	for _, path := range rv.old {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			left = append(left, path+" is still there")
		}
	}
	for _, pid := range rv.pids {
		if runsIn(pid, rv.files.Spec.RunDir) {
			left = append(left, fmt.Sprintf("process %d of the later time still runs", pid))
		}
	}
	slices.Sort(left)
	rv.rec.Gone = len(left) == 0
	rv.rec.Problems = append(rv.rec.Problems, left...)
}
