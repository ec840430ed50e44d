package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Expendable lists the folders of runs that may go, oldest first: those of a
// lab that are past the limits of its newest run's Retain (or def, where it
// has none), but never the lab's last pass, nor a run of bytes that a decision
// which still counts points at, nor one that is not entered. Trials of a
// bisection are no pass of the lab, and are counted among themselves: they push
// out no other run. What another host
// entered sets no limit where this host has runs of the lab, and its last pass
// takes no other's place: each ledger's stays. A run of which an
// entry says already that it goes, and which is still there, is among them.
// Only runs whose records are here count towards the limit.
func (g *Ledger) Expendable(def lab.Retention) ([]string, error) {
	s, err := g.whole()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	list, err := s.entries(Filter{})
	if err != nil {
		return nil, err
	}
	kept, err := g.kept()
	if err != nil {
		return nil, err
	}
	here := map[keptRun]bool{}
	for _, r := range kept {
		here[r] = true
	}
	gone := removedHere(list, s.own().id)
	byLab := map[string][]*Entry{}
	newest := limits(list, s.own().id)
	list = ownFirst(list, s.own().id)
	var out []keptRun
	for i := range list {
		e := &list[i]
		if e.Kind != Run {
			continue
		}
		r := keptRun{e.Lab, e.Run.ID}
		switch {
		case !here[r]:
		case gone[r]:
			out = append(out, r)
		default:
			byLab[e.Lab] = append(byLab[e.Lab], e)
		}
		delete(here, r) // one that two ledgers have counts once
	}
	decided := standing(list, g.now())
	for _, name := range slices.Sorted(maps.Keys(byLab)) {
		out = append(out, expendable(byLab[name], cmp.Or(newest[name], &def), decided, g.now())...)
	}
	slices.SortFunc(out, func(a, b keptRun) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.lab, b.lab)) })
	dirs := []string{}
	for _, r := range out {
		dirs = append(dirs, g.dirOf(r))
	}
	return dirs, nil
}

// removedHere are the runs that this host's entries say go. Another host
// removes its own records and none of these.
func removedHere(list []Entry, own string) map[keptRun]bool {
	return removed(slices.DeleteFunc(slices.Clone(list), func(e Entry) bool { return e.Of != own }))
}

// expendable are those of a lab's runs, newest first, that are past all limits
// which are set.
func expendable(runs []*Entry, limit *lab.Retention, decided map[bytesOn]bool, now time.Time) (out []keptRun) {
	if limit.Runs <= 0 && limit.Days <= 0 {
		return nil
	}
	passed := map[string]bool{} // by ledger
	newer := map[bool]int{}     // trials, and other runs: each has the limit to itself
	for _, e := range runs {
		last := e.Run.Verdict == lab.Pass && !e.Run.Trial && !passed[e.Of]
		passed[e.Of] = passed[e.Of] || last
		few := newer[e.Run.Trial] < limit.Runs
		newer[e.Run.Trial]++
		young := limit.Days > 0 && now.Sub(e.Run.Started) < time.Duration(limit.Days)*24*time.Hour
		if last || few || young || decided[bytesOf(e)] {
			continue
		}
		out = append(out, keptRun{e.Lab, e.Run.ID})
	}
	return out
}

// Remove enters that runs' folders go, and removes them: in this order, so
// that a crash in between leaves an entry and no gap. A run of bytes that
// somebody decided on meanwhile stays. Folders that are not of
// runs with an entry are a *lab.UsageError, and then nothing is done. The
// error may also be a *SealError: then all are removed.
func (g *Ledger) Remove(dirs []string) error {
	if len(dirs) == 0 {
		return nil
	}
	w, err := g.write()
	if err != nil {
		return err
	}
	defer w.Close()
	dirs, todo, err := w.doomed(dirs)
	if err != nil {
		return err
	}
	const most = 1000 // ids in an entry
	for _, name := range slices.Sorted(maps.Keys(todo)) {
		for ids := range slices.Chunk(todo[name], most) {
			if _, err := w.add(Entry{Kind: Prune, Lab: name, Pruned: ids}); err != nil {
				return err
			}
		}
	}
	errs := []error{w.seal()}
	for _, dir := range dirs {
		if err := g.removeRun(dir); err != nil {
			errs = append(errs, hostError("remove the run record", err))
		}
	}
	return errors.Join(errs...)
}

// doomed are those of dirs that go, and by lab the ids of the runs in them that
// no entry says yet of that they go.
func (w *writer) doomed(dirs []string) (leaving []string, todo map[string][]string, err error) {
	list, err := w.entries(Filter{Kinds: []Kind{Run, Prune, Approve, Reject}})
	if err != nil {
		return nil, nil, err
	}
	decided := standing(list, w.g.now())
	entered, stays := map[keptRun]bool{}, map[keptRun]bool{}
	for i := range list {
		if e := &list[i]; e.Run != nil {
			r := keptRun{e.Lab, e.Run.ID}
			entered[r], stays[r] = true, stays[r] || decided[bytesOf(e)]
		}
	}
	gone := removedHere(list, w.own().id)
	todo = map[string][]string{}
	for _, dir := range dirs {
		r := keptRun{filepath.Base(filepath.Dir(dir)), filepath.Base(dir)}
		if w.g.dirOf(r) != filepath.Clean(dir) || !entered[r] {
			return nil, nil, usage(fmt.Sprintf("%s is not the folder of a run in the ledger", lab.Printable(dir, 300)), "")
		}
		if stays[r] && !gone[r] {
			continue
		}
		leaving = append(leaving, dir)
		if !gone[r] && !slices.Contains(todo[r.lab], r.id) {
			todo[r.lab] = append(todo[r.lab], r.id)
		}
	}
	return leaving, todo, nil
}

// removeRun removes a folder, under a name by which what is left of it is
// removed with what killed runs leave (lab.SweepUnfinished).
func (g *Ledger) removeRun(dir string) error {
	if err := g.step("remove"); err != nil {
		return err
	}
	hidden := filepath.Join(filepath.Dir(dir), unfinishedPrefix+filepath.Base(dir))
	err := os.Rename(dir, hidden)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for range 3 { // somebody who sweeps may look into it
		if err = os.RemoveAll(hidden); err == nil {
			break
		}
	}
	return err
}
