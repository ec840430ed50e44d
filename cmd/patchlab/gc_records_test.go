package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/snapshots"
)

// One record that a power cut has spoilt is told, and keeps no other from
// being removed.
func TestGCRecordsBesideABrokenOne(t *testing.T) {
	store := openStore(t)
	a := &app{}
	g, err := a.ledgerOf(store)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{"20261120-000000-aaaa", "20261121-000000-bbbb", "20261122-000000-cccc"}
	for i, id := range ids {
		rec := &lab.Record{
			Version: lab.RecordVersion, Lab: "shop", Run: id, Verdict: lab.Fail, Dir: filepath.Join(store.RunsDir("shop"), id),
			Started: time.Date(2026, 11, 20+i, 0, 0, 0, 0, time.UTC), Patch: lab.PatchRecord{Name: "p", SHA256: strings.Repeat("a", 64)},
		}
		write(t, rec.Dir, map[string]string{"run.json": "{}"})
		if err := ledger.WriteSums(rec.Dir); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			write(t, rec.Dir, map[string]string{"run.json": "", "SHA256SUMS": ""})
		} else if _, err := g.Enter(rec); err != nil {
			t.Fatal(err)
		}
	}
	err = a.gcRecords(store, false, lab.Retention{Runs: 1}, &snapshots.GCReport{})
	if err == nil || !strings.Contains(err.Error(), ids[2]) {
		t.Errorf("the broken record is not told: %v", err)
	}
	for i, id := range ids {
		if _, err := os.Stat(filepath.Join(store.RunsDir("shop"), id)); (err == nil) != (i > 0) {
			t.Errorf("run %s: %v", id, err)
		}
	}
}
