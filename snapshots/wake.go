package snapshots

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// wakeLimit is how long a machine may take to answer over SSH after a fork:
// about a second under emulation, more where the host is busy.
const wakeLimit = 2 * time.Minute

// newMarker returns what a fork leaves in its machines, so that a later one
// can be shown not to have it.
func newMarker() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// woken is what a look into one machine showed right after a fork.
type woken struct {
	machine string
	guest.Woken
}

// wake connects to every machine, sets its clock, looks for nonce and markers,
// and leaves marker.
func (i *instance) wake(ctx context.Context, marker string) ([]woken, error) {
	var mu sync.Mutex
	var all []woken
	g, gctx := errgroup.WithContext(ctx)
	for name, gst := range i.guests {
		g.Go(func() error {
			if err := gst.Connect(gctx, wakeLimit); err != nil {
				return err
			}
			w, err := gst.Wake(gctx, guest.Waking{Nonce: i.nonces[name], Marker: marker})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, woken{machine: name, Woken: w})
			return nil
		})
	}
	return all, g.Wait()
}

// judgeWoken says what is wrong with machines that were just forked: another
// memory than was saved, or markers other than the known ones, which were saved
// with it.
func judgeWoken(all []woken, known map[string]string) []string {
	var problems []string
	for _, w := range all {
		if !w.NonceEqual {
			problems = append(problems, fmt.Sprintf("the memory of machine %q is not the one that was saved: its nonce differs", w.machine))
		}
		for _, m := range later(w, known) {
			problems = append(problems, fmt.Sprintf("machine %q holds the marker %s of a later time", w.machine, m))
		}
	}
	return problems
}

// later lists the markers that a machine holds and that were not saved with
// it.
func later(w woken, known map[string]string) []string {
	var list []string
	for _, m := range w.Markers {
		if known[w.machine] == "" || m != "marker-"+known[w.machine] {
			list = append(list, m)
		}
	}
	return list
}

// connectTo makes the guests of all machines of l, not yet connected.
func (i *instance) connectTo(l *lab.Lab) {
	i.guests, i.nonces = map[string]sshGuest{}, map[string]string{}
	for _, m := range l.Machines {
		i.guests[m.Name] = i.guest(m)
		if i.from != nil {
			i.nonces[m.Name] = i.from.machine(m.Name).Nonce
		}
	}
}
