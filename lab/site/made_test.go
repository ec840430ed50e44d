package site_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/site"
)

// hostile is what others may write into names and reasons to hurt whoever
// reads the pages.
const hostile = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'&{{.}}` + "\x1b[2J\u202eevil\xff\x00\u2028"

var now = time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// patchOf is a patch of one file, whose bytes are content.
func patchOf(name, file, content string) *lab.PatchRecord {
	return &lab.PatchRecord{
		Name: name, Kind: lab.PatchDeb, SHA256: sum(sum(content) + "  " + file + "\n"),
		Files: []lab.FileRecord{{Name: file, SHA256: sum(content), Size: 12345, Package: strings.Split(file, "_")[0], Version: "1.0"}},
	}
}

// runOf is the entry of a run that began ago before now.
func runOf(client, labName string, p *lab.PatchRecord, v lab.Verdict, ago time.Duration, reason string) ledger.Entry {
	started := now.Add(-ago)
	id := started.Format("20060102-150405") + "-" + sum(labName + p.SHA256)[:4]
	return ledger.Entry{
		Version: 1, Time: started.Add(time.Hour), Host: "night-1", Kind: ledger.Run, Lab: labName, Client: client, Patch: p,
		Run: &ledger.RunEntry{
			ID: id, Started: started, Seconds: 754, Verdict: v, Reason: reason, Targets: []string{"web"},
			Sums: sum(labName + id + reason), Tool: &lab.ToolRecord{Patchlab: "1.0.0", Host: "night-1", QEMU: "7.2"},
		},
	}
}

func decided(kind ledger.Kind, labName string, p *lab.PatchRecord, ago time.Duration, by, reason string) ledger.Entry {
	return ledger.Entry{
		Version: 1, Time: now.Add(-ago), Kind: kind, Lab: labName, Patch: p, Client: "Harbour Dental",
		Decision: &ledger.Decision{By: by, Reason: reason, Until: now.AddDate(0, 0, 20)},
	}
}

const hours = time.Hour

// entries are the history of a few clients, hostile ones among them.
func entries() []ledger.Entry {
	apache := patchOf("apache-security", "apache2_2.4.62-1_amd64.deb", "one")
	again := patchOf("apache-security", "apache2_2.4.62-1_amd64.deb", "two")
	openssl := patchOf("openssl", "openssl_3.0.15-1_amd64.deb", "ssl")
	booking := patchOf("booking", "booking_1.2_all.deb", "bad")
	evil := patchOf("evil "+hostile, "../../"+hostile+".deb", "evil")
	out := []ledger.Entry{
		runOf("Harbour Dental", "dental", again, lab.Fail, 3*hours, `check "booking page shows free slots" passed before the patch and fails after it: status 500, want 200`),
		runOf("Harbour Dental", "dental", openssl, lab.Pass, 4*hours, "applied on 3 machines, and 6 of 6 checks pass after it"),
		runOf("Harbour Dental", "dental-branch", apache, lab.Pass, 5*hours, "applied on 1 machine, and 4 of 4 checks pass after it"),
		runOf("Harbour Dental", "dental-branch", booking, lab.Fail, 6*hours, "cannot reach machine \"web\" after the patch"),
		decided(ledger.Reject, "dental-branch", booking, 5*hours, "jane@example.com", "breaks the booking page, vendor told"),
		runOf("Müller & Söhne", "Büro Süd", openssl, lab.Inconclusive, 7*hours, `check "mail" fails already before the patch: connection refused`),
		runOf("Müller & Söhne", "büro-süd", openssl, lab.Pass, 8*hours, "applied on 1 machine, and 4 of 4 checks pass after it"),
		runOf("", "nobody's lab", openssl, lab.Pass, 9*hours, "applied on 1 machine, and 1 of 1 check passes after it"),
		runOf(hostile, "lab "+hostile, evil, lab.Fail, 10*hours, hostile+strings.Repeat("long ", 300)),
		runOf(hostile, "..", evil, lab.Fail, 11*hours, strings.Repeat("unbroken", 80)),
		runOf(hostile, "../../etc/passwd", evil, lab.Verdict("<b>"), 12*hours, ""),
		runOf("Dental", "DENTAL", openssl, lab.Pass, 13*hours, "applied on 1 machine"),
		runOf("Dental", "dental.p2", openssl, lab.Pass, 13*hours, "applied on 1 machine"),
		runOf("Dental", "con", openssl, lab.Pass, 14*hours, "applied on 1 machine"),
		runOf("Dental", strings.Repeat("very-long-name-", 30), openssl, lab.Pass, 15*hours, "applied on 1 machine"),
	}
	for i := range 24 {
		v := []lab.Verdict{lab.Pass, lab.Pass, lab.Pass, lab.Pass, lab.Inconclusive, lab.Pass, lab.Fail}[i%7]
		out = append(out, runOf("Harbour Dental", "dental", apache, v, time.Duration(26+i*37)*hours, "applied on 2 machines, and 6 of 6 checks pass after it"))
	}
	out = append(out, decided(ledger.Approve, "dental", apache, 80*hours, "Jane "+hostile, "looked at by hand"))
	out[18].Run.Weak = []string{"no control arm", "no verifying reboot"}
	slices.SortStableFunc(out, func(x, y ledger.Entry) int { return at(y).Compare(at(x)) })
	for i := range out {
		out[i].Seq = len(out) - i
	}
	return out
}

func at(e ledger.Entry) time.Time {
	if e.Run != nil {
		return e.Run.Started
	}
	return e.Time
}

// records keeps a record for every second run of entries below dir, and
// returns what finds them.
func records(dir string, all []ledger.Entry) func(ledger.Entry) string {
	kept := map[string]string{}
	for i, e := range all {
		if e.Kind != ledger.Run || i%2 == 1 {
			continue
		}
		folder := filepath.Join(dir, fmt.Sprint("record-", i))
		rec := lab.Record{Version: lab.RecordVersion, Lab: e.Lab, Client: e.Client, Run: e.Run.ID, Verdict: e.Run.Verdict, Reason: e.Run.Reason, Patch: *e.Patch}
		text, err := json.Marshal(rec)
		if err == nil {
			err = os.MkdirAll(folder, 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, "run.json"), text, 0o600)
		}
		if err != nil {
			panic(err)
		}
		kept[e.Lab+e.Run.ID] = folder
	}
	return func(e ledger.Entry) string { return kept[e.Lab+e.Run.ID] }
}

// reported is a report like the real one in what matters here: a whole page.
func reported(_ string, rec *lab.Record) ([]byte, error) {
	return fmt.Appendf(nil, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\" />"+
		"<meta name=\"viewport\" content=\"width=device-width\" /><link rel=\"icon\" href=\"data:,\" /><title>run</title>"+
		"<style>:root { color-scheme: light dark; }</style></head><body><h1>The report of %s</h1></body></html>\n", rec.Run), nil
}

func options(t testing.TB) site.Options { return optionsIn(t.TempDir()) }

// optionsIn are options whose records are kept below dir.
func optionsIn(dir string) site.Options {
	all := entries()
	return site.Options{Entries: all, RunDir: records(dir, all), Now: now, Report: reported, Version: "test"}
}

func write(t testing.TB, out string, o site.Options) *site.Written {
	t.Helper()
	w, err := site.Write(t.Context(), out, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// files are the files below dir with their contents.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
