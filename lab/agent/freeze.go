package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
)

// Copy is a file that is copied, with CopyFile.
type Copy struct {
	From string `json:"from"`
	To   string `json:"to"` // does not exist
}

// Freezing says where what a machine is goes to.
type Freezing struct {
	Machine string `json:"machine"`
	State   string `json:"state"` // the new file that Hypervisor.Save writes
	Copies  []Copy `json:"copies"`
}

// freezeBody is the body of POST /v1/freeze.
type freezeBody struct {
	Machines []Freezing `json:"machines"`
	Resume   bool       `json:"resume"`
}

func (a *api) freezeMachines(w http.ResponseWriter, r *http.Request) error {
	var b freezeBody
	if err := decode(w, r, &b); err != nil {
		return err
	}
	return a.whole(w, r, func(ctx context.Context) error { return a.freeze(ctx, b) })
}

// freeze is what Client.Freeze describes.
func (a *api) freeze(ctx context.Context, b freezeBody) error {
	spec := a.spec.Load()
	if err := checkFreezing(spec, b.Machines); err != nil {
		return err
	}
	for _, f := range b.Machines {
		if s, err := a.hv.State(ctx, f.Machine); err != nil {
			return err
		} else if !alive(s) {
			return fmt.Errorf("cannot freeze machine %q: %w", f.Machine, ErrNotRunning)
		}
	}
	ran, err := a.suspendAll(ctx)
	if err != nil {
		return err
	}
	var made madeFiles
	err = a.save(ctx, b.Machines, &made)
	if err == nil && !b.Resume {
		return nil
	}
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), machineLimit)
	defer cancel()
	going := a.goOn(cleanup, b.Machines, ran)
	if err == nil {
		err = going
	} else {
		err = afterwards(err, going)
	}
	if err == nil {
		return nil
	}
	return afterwards(err, made.remove()) // not before: a machine may have gone on from one
}

// save saves all machines, then copies: a Save may still write to a disk.
func (a *api) save(ctx context.Context, fs []Freezing, made *madeFiles) error {
	err := side(len(fs), func(i int) error {
		if err := a.hv.Save(ctx, fs[i].Machine, fs[i].State); err != nil {
			return err
		}
		made.add(fs[i].State)
		return nil
	})
	if err != nil {
		return err
	}
	return side(len(fs), func(i int) error {
		for _, c := range fs[i].Copies {
			if err := CopyFile(ctx, c.From, c.To); err != nil {
				return fmt.Errorf("cannot freeze machine %q: %w", fs[i].Machine, err)
			}
			made.add(c.To)
		}
		return nil
	})
}

// goOn brings the machines that Save switched off back, and resumes those
// that ran, in the same moment.
func (a *api) goOn(ctx context.Context, fs []Freezing, ran []string) error {
	loading := side(len(fs), func(i int) error {
		s, err := a.hv.State(ctx, fs[i].Machine)
		if err != nil || s.State != "off" || s.Reason != "saved" {
			return err
		}
		m := *a.spec.Load().Machine(fs[i].Machine)
		m.State, m.RAM = fs[i].State, nil // which holds the memory too
		return a.hv.Start(ctx, m)
	})
	return errors.Join(loading, each(ctx, ran, a.hv.Resume))
}

// madeFiles are the files that a call has made so far.
type madeFiles struct {
	mu    sync.Mutex
	paths []string
}

func (m *madeFiles) add(path string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paths = append(m.paths, path)
}

func (m *madeFiles) remove() error {
	var errs []error
	for _, p := range m.paths {
		errs = append(errs, os.Remove(p))
	}
	return errors.Join(errs...)
}
