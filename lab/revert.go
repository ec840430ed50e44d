package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// destroyLimit is how long taking down an instance may take: it goes on when
// the run was interrupted.
const destroyLimit = 2 * time.Minute

// endAll takes down every instance that is still there, side by side, also
// after an interrupt.
func (r *run) endAll(ctx context.Context) {
	var wg sync.WaitGroup
	for _, f := range r.forks {
		wg.Go(func() { f.end(ctx) })
	}
	wg.Wait()
}

// left is what could not be taken down, of any instance of the run, in order.
func (r *run) left() error {
	var errs []error
	for _, f := range r.forks {
		errs = append(errs, f.left)
	}
	return errors.Join(errs...)
}

// end takes the evidence that is gone with the instance, and destroys it.
// Again it does nothing.
func (f *fork) end(ctx context.Context) {
	if f.ended {
		return
	}
	f.ended = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), destroyLimit)
	defer cancel()
	_, end := f.rec.Begin(f.arm, "", "revert")
	defer func() { end(f.left) }()
	f.keepConsoles()
	f.keepEgress(ctx)
	if err := f.inst.Destroy(ctx); err != nil {
		f.left = &LeftoverError{Instance: f.inst.ID(), Err: err}
	}
}

// keepConsoles copies the consoles of the machines into the record's folder.
func (f *fork) keepConsoles() {
	for _, m := range f.lab.Machines {
		path := f.logPath("console", m)
		if f.rec.keepConsole(f.inst.ConsoleLog(m), path) {
			f.note(m, func(rec *MachineRecord) { rec.Console = path })
		}
	}
}

// keepEgress adds what the machines tried to reach outside. An instance that
// this host failed is not asked.
func (f *fork) keepEgress(ctx context.Context) {
	if f.broken() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	egress, err := f.inst.Egress(ctx)
	if err != nil {
		f.rec.finding(f.arm, false, fmt.Errorf("cannot tell what the machines tried to reach outside: %w", err))
	}
	f.rec.mu.Lock()
	defer f.rec.mu.Unlock()
	f.rec.rec.Egress = mergeEgress(f.rec.rec.Egress, egress)
}

// mergeEgress adds the attempts of another instance: equal ones become one.
// The result is never nil, most frequent first.
func mergeEgress(have, more []EgressAttempt) []EgressAttempt {
	type key struct {
		machine, protocol, to string
		source                netip.Addr
	}
	at := map[key]int{}
	out := []EgressAttempt{}
	for _, a := range slices.Concat(have, more) {
		k := key{a.Machine, a.Protocol, a.To, a.Source}
		i, known := at[k]
		if !known {
			at[k] = len(out)
			out = append(out, a)
			continue
		}
		out[i].Count += a.Count
		if a.First.Before(out[i].First) {
			out[i].First = a.First
		}
		if a.Last.After(out[i].Last) {
			out[i].Last = a.Last
		}
	}
	slices.SortStableFunc(out, func(a, b EgressAttempt) int { return cmp.Compare(b.Count, a.Count) })
	return out
}

// prove puts the receipt into the record. What is not proven to be reverted is
// this host's fault. A run without an instance has nothing to prove.
func (r *run) prove(ctx context.Context) {
	rec := &r.rec.rec
	if len(r.forks) == 0 {
		rec.Reverted = true
		rec.Receipt = Receipt{Proven: true, Instances: []string{}, Nonce: true, Marker: true, Layers: true, Gone: true}
		return
	}
	var ids []string
	for _, f := range r.forks {
		ids = append(ids, f.inst.ID())
	}
	p, end := r.rec.Begin(ArmPatched, "", "prove")
	rec.Receipt = r.ready.Prove(ctx, ids, r.Verify, p)
	var problems []string
	if err := r.left(); err != nil {
		rec.Receipt.Proven = false
		problems = append(problems, r.rec.redact(err.Error()))
	}
	for _, problem := range rec.Receipt.Problems {
		problems = append(problems, r.rec.redact(problem))
	}
	rec.Receipt.Problems = problems
	rec.Reverted = rec.Receipt.Proven
	err := unproven(rec.Receipt)
	end(err)
	if err != nil {
		r.rec.finding(ArmPatched, false, err)
	}
}

// unproven is the error of a receipt that does not prove the revert.
func unproven(receipt Receipt) error {
	if receipt.Proven {
		return nil
	}
	first := "the receipt does not say why"
	if len(receipt.Problems) > 0 {
		first = receipt.Problems[0]
	}
	return &HostError{Op: "prove that the run left nothing behind", Err: errors.New(first)}
}
