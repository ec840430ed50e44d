package ledger

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func TestRunDir(t *testing.T) {
	h := newHome(t)
	_, err := h.RunDir("dental")
	wantUsage(t, err, `no run "dental"`)
	a := h.record(t, "dental", 1, lab.Pass)
	b := h.record(t, "dental", 30, lab.Pass)
	c := h.record(t, "vet-office", 30, lab.Pass)
	d := h.record(t, "vet-office", 31, lab.Pass)
	must(t, os.MkdirAll(filepath.Join(h.Runs, "dental", "20270101-000000-beef"), 0o700))        // without a record
	must(t, os.MkdirAll(filepath.Join(h.Runs, "dental", ".unfinished-20270101-000000"), 0o700)) // under way
	for ref, want := range map[string]string{
		a.Run: a.Dir, "20261101": a.Dir, "dental": b.Dir, "vet-office": d.Dir, d.Run: d.Dir, "20261102-07": d.Dir, b.Dir: b.Dir, c.Dir + "/": c.Dir,
	} {
		if got, err := h.RunDir(ref); got != want {
			t.Errorf("%s: %q, %v; want %q", ref, got, err, want)
		}
	}
	for ref, want := range map[string]string{
		"":                     "which run",
		"20261102":             "the beginning of 3 runs one of 20261102-070000-001f of lab vet-office, 20261102-060000-001e of lab dental, 20261102-060000-001e of lab vet-office",
		b.Run:                  "the beginning of 2 runs",
		"dentl":                "did you mean dental?",
		"20261101-020000-0001": "did you mean " + a.Run,
		"nothing like it":      "patchlab runs",
		h.Runs:                 "holds no run record",
		"./dental":             "holds no run record",
		"20270101":             "no run",
		"\x1b[2J":              `"\x1b[2J"`,
		".":                    "no run",
	} {
		_, err := h.RunDir(ref)
		wantUsage(t, err, want)
	}
	t.Chdir(b.Dir)
	for _, ref := range []string{".", "../" + b.Run} {
		if got, err := h.RunDir(ref); got != b.Dir {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
}

func TestReadRecord(t *testing.T) {
	h := newHome(t)
	rec := h.record(t, "dental", 1, lab.Pass)
	moved := h.path("moved")
	must(t, os.Rename(rec.Dir, moved))
	got, err := ReadRecord(moved)
	must(t, err)
	if got.Run != rec.Run || got.Dir != moved {
		t.Errorf("record %+v", got)
	}
	for text, usage := range map[string]string{`{"version":2,"lab":7}`: "version 2", `{"version":1,"lab":7}`: "", `{`: "", ``: ""} {
		must(t, os.WriteFile(filepath.Join(moved, recordFile), []byte(text), 0o600))
		_, err := ReadRecord(moved)
		if usage != "" {
			wantUsage(t, err, usage)
			continue
		}
		if _, ok := errors.AsType[*lab.HostError](err); !ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	must(t, os.Remove(filepath.Join(moved, recordFile)))
	if _, err := ReadRecord(moved); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if _, err := ReadRecord(h.path("none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
