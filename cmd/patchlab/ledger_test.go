package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

// A run whose reports cannot be written is evidence all the same: its sums are
// there, and it is entered.
func TestEnterWithoutReports(t *testing.T) {
	dir := t.TempDir()
	g := &ledger.Ledger{Dir: filepath.Join(dir, "ledger"), Runs: filepath.Join(dir, "runs"), Host: "h"}
	rec := &lab.Record{
		Version: lab.RecordVersion, Lab: "shop", Run: "20261123-000000-abcd", Started: time.Now(), Verdict: lab.Fail,
		Dir: filepath.Join(dir, "runs", "shop", "20261123-000000-abcd"),
	}
	write(t, rec.Dir, map[string]string{"run.json": "{}", "report.html/in/its/place": "x"})
	a := &app{env: os.Environ()}
	kept := writeReports(rec.Dir, rec)
	if !errors.Is(kept, syscall.EISDIR) || !ledger.HasSums(rec.Dir) {
		t.Fatalf("sums %v, error %v", ledger.HasSums(rec.Dir), kept)
	}
	if err := a.enterKept(g, rec, kept); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("what is missing is not told: %v", err)
	}
	// Without sums it is not entered.
	other := *rec
	other.Run, other.Dir = "20261123-000001-abcd", filepath.Join(dir, "runs", "shop", "20261123-000001-abcd")
	write(t, other.Dir, map[string]string{"run.json": "{}"})
	if err := a.enterKept(g, &other, syscall.ENOSPC); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
	if list, err := g.Entries(ledger.Filter{Lab: "shop"}); len(list) != 1 || list[0].Run.ID != rec.Run || err != nil {
		t.Errorf("%d entries, %v", len(list), err)
	}
}

// A file that cannot be written is not left half: on a full disk it would take
// the room of what matters more.
func TestWriteFileLeavesNoHalf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	err := writeFile(path, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return syscall.ENOSPC
	})
	if _, gone := os.Stat(path); !errors.Is(err, syscall.ENOSPC) || !errors.Is(gone, os.ErrNotExist) {
		t.Errorf("error %v, left %v", err, gone)
	}
}
