package ledger

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func TestAdopt(t *testing.T) {
	h := newHome(t)
	none, err := h.Adopt()
	if err != nil || len(none) > 0 {
		t.Fatal(none, err)
	}
	h.run(t, "dental", 3, lab.Pass)
	h.record(t, "vet", 2, lab.Fail)
	h.record(t, "dental", 1, lab.Pass)
	old := h.record(t, "dental", 4, lab.Pass)
	must(t, os.WriteFile(filepath.Join(old.Dir, recordFile), []byte(`{"version":1,"lab":"dental"}`), 0o600))
	must(t, os.Remove(filepath.Join(old.Dir, sumsFile)))
	full := h.record(t, "vet", 4, lab.Fail) // its disk was full
	must(t, os.Remove(filepath.Join(full.Dir, sumsFile)))
	must(t, os.WriteFile(filepath.Join(full.Dir, ".SHA256SUMS123"), []byte("ha"), 0o600)) // who died while writing them
	if v := h.verified(t); !slices.ContainsFunc(v.Notes, func(p Problem) bool {
		return strings.HasSuffix(p.Run, full.Run) && strings.Contains(p.Text, "has no SHA256SUMS")
	}) {
		t.Errorf("notes %v", v.Notes)
	}
	hidden := h.record(t, "dental", 5, lab.Pass)
	must(t, os.Rename(hidden.Dir, filepath.Join(filepath.Dir(hidden.Dir), ".unfinished-x")))
	moved := h.record(t, "dental", 6, lab.Pass)
	must(t, os.Rename(moved.Dir, moved.Dir+"x"))
	list, err := h.Adopt()
	if err == nil || !strings.Contains(err.Error(), moved.Run+"x") {
		t.Errorf("error %v", err)
	}
	if len(list) != 3 || list[0].Run.ID != "20261101-010000-0001" || list[1].Lab != "vet" || list[2].Run.ID != full.Run {
		t.Errorf("adopted %d", len(list))
	}
	must(t, os.RemoveAll(moved.Dir+"x"))
	list, err = h.Adopt()
	if len(list) != 0 || err != nil {
		t.Errorf("adopted again: %v, %v", list, err)
	}
	h.sound(t, 1) // the old one
}

// kept makes a run of files that nobody has entered.
func (s *scene) kept(v lab.Verdict, paths ...string) *lab.Record {
	s.t.Helper()
	s.runs++
	rec := s.record(s.t, s.lab.Name, s.runs, v)
	rec.Started, rec.Patch, rec.Definition = s.Now(), s.pinned(paths...), s.present()
	text, err := json.Marshal(rec)
	must(s.t, err)
	must(s.t, os.WriteFile(filepath.Join(rec.Dir, recordFile), text, 0o600))
	must(s.t, WriteSums(rec.Dir))
	return rec
}

// TestGateOfKeptRuns has a failure whose process died before it was entered,
// or whose disk was full.
func TestGateOfKeptRuns(t *testing.T) {
	for name, harm := range map[string]func(s *scene, rec *lab.Record){
		"died":     func(*scene, *lab.Record) {},
		"full":     func(_ *scene, rec *lab.Record) { must(t, os.Remove(filepath.Join(rec.Dir, sumsFile))) },
		"unsealed": func(s *scene, _ *lab.Record) { s.SealKey = s.path("no key") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			path := s.arrived("a.sh", []byte("a"))
			s.tested(lab.Pass, path)
			rec := s.kept(lab.Fail, path)
			harm(s, rec)
			if got := s.gate([]string{path}, DidFail)[0]; got.Run != rec.Run {
				t.Errorf("got %+v", got)
			}
			if got := s.approved(); len(got) > 0 {
				t.Errorf("approved: %v", got)
			}
			s.SealKey = ""
			s.sound(t, 0)
		})
	}
}

// TestGateOfKeptRunsThatCannotBeEntered says of which run nobody knows.
func TestGateOfKeptRunsThatCannotBeEntered(t *testing.T) {
	for name, harm := range map[string]func(s *scene, rec *lab.Record){
		"read only": func(s *scene, _ *lab.Record) { s.atStep = func(string) error { return syscall.EROFS } },
		"spoilt": func(_ *scene, rec *lab.Record) {
			must(t, os.WriteFile(filepath.Join(rec.Dir, recordFile), nil, 0o600))
		},
		"spoilt, without sums": func(_ *scene, rec *lab.Record) {
			must(t, errors.Join(os.WriteFile(filepath.Join(rec.Dir, recordFile), nil, 0o600), os.Remove(filepath.Join(rec.Dir, sumsFile))))
		},
		"no ledger": func(s *scene, _ *lab.Record) {
			must(t, errors.Join(os.RemoveAll(s.Dir), os.WriteFile(s.Dir+"x", nil, 0o600)))
			s.Dir = filepath.Join(s.Dir+"x", "none")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			path := s.arrived("a.sh", []byte("a"))
			s.tested(lab.Pass, path)
			rec := s.kept(lab.Inconclusive, path)
			harm(s, rec)
			_, err := s.Gate(Question{Lab: s.lab.Name, Now: s.present(), Files: []string{path}})
			_, other := s.Approved(s.lab.Name, s.present(), 0)
			for _, err := range []error{err, other} {
				if _, ok := errors.AsType[*lab.HostError](err); !ok {
					t.Errorf("error %v", err)
				} else if name != "no ledger" && !strings.Contains(err.Error(), rec.Run) {
					t.Errorf("it does not name %s: %v", rec.Run, err)
				}
			}
			s.record(t, "garage", 1, lab.Pass) // of another lab: nobody minds
			s.atStep = nil
			must(t, os.RemoveAll(rec.Dir))
			if name != "no ledger" {
				s.gate([]string{path}, "")
			}
		})
	}
}
