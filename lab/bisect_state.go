package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
)

const (
	bisectVersion  = 1
	maxBisectState = 16 << 20 // bytes
)

// stateFile is what a bisection keeps, as JSON.
type stateFile struct {
	Version int               `json:"version"`
	Shaped  map[string]string `json:"shaped"`
	Items   []pinnedItem      `json:"items"`  // in the batch's order
	Trials  []Tried           `json:"trials"` // conclusive ones
}

// pinnedItem is an item known by its bytes.
type pinnedItem struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// open pins the items and takes up the trials of an earlier call on the same
// bytes.
func (b *bisecting) open() error {
	b.kept = stateFile{Version: bisectVersion, Shaped: b.Shaped}
	seen := map[string]bool{}
	for _, p := range b.Items {
		if seen[p.Name] {
			return &UsageError{Err: fmt.Errorf("two patches of the batch are called %q", p.Name)}
		}
		seen[p.Name] = true
		pin := PatchRecord{}
		if b.Pin != nil {
			var err error
			if pin, err = b.Pin(p); err != nil {
				return err
			}
		}
		b.kept.Items = append(b.kept.Items, pinnedItem{p.Name, pin.SHA256})
	}
	if len(b.Items) == 0 {
		return &UsageError{Err: errors.New("there is no patch to bisect")}
	}
	if b.State == "" {
		return nil
	}
	old, err := readBisectState(b.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		b.out.Anew = Printable(err.Error(), 300)
		return nil
	}
	if b.out.Anew = b.kept.changed(old); b.out.Anew == "" {
		b.reuse(old.Trials)
	}
	return nil
}

func readBisectState(path string) (stateFile, error) {
	var s stateFile
	info, err := os.Stat(path)
	if err != nil {
		return s, err
	}
	if info.Size() > maxBisectState {
		return s, fmt.Errorf("the state %s is too large", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("the state %s cannot be read: %w", path, err)
	}
	return s, nil
}

// changed says what is different from an earlier call; empty: nothing.
func (s *stateFile) changed(old stateFile) string {
	if old.Version != s.Version {
		return "the earlier trials are of another version of patchlab"
	}
	var out []string
	names := maps.Clone(old.Shaped)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, s.Shaped)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if old.Shaped[name] != s.Shaped[name] {
			out = append(out, name+" changed")
		}
	}
	before, now := map[string]string{}, map[string]string{}
	for _, i := range old.Items {
		before[i.Name] = i.SHA256
	}
	for _, i := range s.Items {
		now[i.Name] = i.SHA256
		if sum, ok := before[i.Name]; !ok {
			out = append(out, i.Name+" is new")
		} else if sum != i.SHA256 {
			out = append(out, i.Name+" changed")
		}
	}
	for _, i := range old.Items {
		if _, ok := now[i.Name]; !ok {
			out = append(out, i.Name+" is gone")
		}
	}
	if len(out) == 0 && !slices.Equal(old.Items, s.Items) {
		out = append(out, "the order of the patches changed")
	}
	return strings.Join(out, ", ")
}

// reuse takes up the conclusive trials of an earlier call. They are told of,
// and counted, when the bisection comes to ask for them.
func (b *bisecting) reuse(trials []Tried) {
	for _, t := range trials {
		if t.Verdict != Pass && t.Verdict != Fail {
			continue
		}
		t.Reused = true
		b.kept.Trials = append(b.kept.Trials, t)
	}
}

// key names a set by its items, which no two sets share.
func (b *bisecting) key(s set) string { return fmt.Sprint(b.items(s)) }

// known returns the trial of s, made before.
func (b *bisecting) known(s set) (Trial, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t, ok := b.done[b.key(s)]; ok {
		return t, true
	}
	names := b.names(s)
	i := slices.IndexFunc(b.kept.Trials, func(t Tried) bool { return t.Reused && slices.Equal(t.Items, names) })
	if i < 0 {
		return Trial{}, false
	}
	t := b.kept.Trials[i]
	b.add(s, t)
	return t.Trial, true
}

// note keeps a trial that was just made.
func (b *bisecting) note(s set, trial Trial, again bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tried(s, trial)
	t.Again = again
	b.add(s, t)
	if b.State == "" || t.Verdict == Inconclusive {
		return nil
	}
	b.kept.Trials = append(b.kept.Trials, t)
	return b.write()
}

// add counts and tells of a trial. The lock is held.
func (b *bisecting) add(s set, t Tried) {
	if t.Verdict != Inconclusive {
		b.done[b.key(s)] = t.Trial
	}
	b.out.Trials = append(b.out.Trials, t)
	b.out.Runs++
	if t.Reused {
		b.out.Reused++
	}
	if b.Tell != nil {
		b.Tell(t)
	}
}

// tried describes a trial of s.
func (b *bisecting) tried(s set, t Trial) Tried {
	return Tried{Items: b.names(s), Trial: t, Other: t.differs(b.whole)}
}

func (b *bisecting) write() error {
	text, err := json.MarshalIndent(b.kept, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(b.State), 0o700)
	}
	if err == nil {
		err = renameio.WriteFile(b.State, append(text, '\n'), 0o600)
	}
	if err != nil {
		return &HostError{Op: "keep the trials of the bisection", Err: err}
	}
	return nil
}
