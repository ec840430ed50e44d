package site_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/site"
)

func time24(n int) time.Duration { return time.Duration(24*n) * time.Hour }

// counted counts how often the report is made.
func counted(o site.Options) (site.Options, func() int) {
	var mu sync.Mutex
	n := 0
	inner := o.Report
	o.Report = func(dir string, rec *lab.Record) ([]byte, error) {
		mu.Lock()
		n++
		mu.Unlock()
		return inner(dir, rec)
	}
	return o, func() int {
		mu.Lock()
		defer mu.Unlock()
		last := n
		n = 0
		return last
	}
}

func TestIncremental(t *testing.T) {
	o, made := counted(options(t))
	out := t.TempDir()
	write(t, out, o)
	first, kept := files(t, out), made()
	if kept < 15 {
		t.Fatalf("%d reports were made", kept)
	}
	if w := write(t, out, o); w.Fresh != 0 || w.Gone != 0 || made() != 0 {
		t.Errorf("done again it wrote %+v", w)
	}
	if !maps.Equal(first, files(t, out)) {
		t.Error("the same input gives other files")
	}

	next := o
	next.Entries = append([]ledger.Entry{runOf("Harbour Dental", "dental", o.Entries[0].Patch, lab.Pass, 0, "fine")}, o.Entries...)
	if w := write(t, out, next); made() != 0 || w.Gone != 0 || w.Fresh > 10 {
		t.Errorf("one more run wrote %+v", w)
	}
	if w := write(t, out, o); w.Gone != 1 || made() != 0 {
		t.Errorf("one run less wrote %+v", w)
	}
	if !maps.Equal(first, files(t, out)) {
		t.Error("going back gives other files")
	}

	o.Version = "newer"
	if write(t, out, o); made() != kept {
		t.Error("another program did not make the reports again")
	}
	var page string
	for path := range first {
		if strings.HasPrefix(path, "run/") && strings.Contains(first[path], "The report of") {
			page = filepath.Join(out, path)
		}
	}
	if err := os.WriteFile(page, nil, 0o600); err != nil { // a power loss
		t.Fatal(err)
	}
	if w := write(t, out, o); w.Fresh != 1 || made() != 1 {
		t.Errorf("a page that was cut off: wrote %+v", w)
	}
}

// TestOnlyTheOverviewAges looks which pages change by time alone.
func TestOnlyTheOverviewAges(t *testing.T) {
	o := options(t)
	out := t.TempDir()
	write(t, out, o)
	clients, _ := filepath.Glob(filepath.Join(out, "client", "*"))
	o.Now = o.Now.AddDate(0, 0, 1)
	if w := write(t, out, o); w.Fresh == 0 || w.Fresh > len(clients)+1 {
		t.Errorf("wrote %+v, with %d clients", w, len(clients))
	}
}

func TestForeignFolderIsLeftAlone(t *testing.T) {
	for name, make := range map[string]func(dir string) error{
		"other file":      func(dir string) error { return os.WriteFile(filepath.Join(dir, "letter.txt"), []byte("dear"), 0o600) },
		"other folder":    func(dir string) error { return os.Mkdir(filepath.Join(dir, "run"), 0o700) },
		"linked manifest": func(dir string) error { return os.Symlink("/dev/null", filepath.Join(dir, ".patchlab-site.json")) },
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			if err := make(out); err != nil {
				t.Fatal(err)
			}
			_, err := site.Write(t.Context(), out, options(t))
			if _, usage := errors.AsType[*lab.UsageError](err); !usage {
				t.Errorf("got %v", err)
			}
			if left, _ := os.ReadDir(out); len(left) != 1 {
				t.Errorf("it was touched: %v", left)
			}
		})
	}
}

// TestBadManifest looks that nothing outside of the folder, and nothing of
// others in it, is removed or written over.
func TestBadManifest(t *testing.T) {
	for name, text := range map[string]string{
		"garbage": "{", "newer": `{"version":9,"files":{}}`,
		"outside": `{"version":1,"files":{"../letter.txt":{"input":"x","size":4}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out")
			letter := filepath.Join(dir, "letter.txt")
			if err := errors.Join(os.Mkdir(out, 0o700), os.WriteFile(letter, []byte("dear"), 0o600),
				os.WriteFile(filepath.Join(out, ".patchlab-site.json"), []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
			_, err := site.Write(t.Context(), out, options(t))
			if _, usage := errors.AsType[*lab.UsageError](err); !usage {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(letter); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFilesOfOthersBesideTheSite(t *testing.T) {
	out, outside := t.TempDir(), t.TempDir()
	o := options(t)
	write(t, out, o)
	mine := filepath.Join(out, "run", "robots.txt")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Entries = nil
	if w := write(t, out, o); w.Gone < 80 {
		t.Errorf("wrote %+v", w)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Join(out, "run")); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if _, err := os.Stat(filepath.Join(out, "lab")); err == nil {
		t.Error("an empty folder is left")
	}

	if err := os.Symlink(outside, filepath.Join(out, "lab")); err != nil {
		t.Fatal(err)
	}
	_, err := site.Write(t.Context(), out, options(t))
	if err == nil {
		t.Error("it wrote through a link")
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("it wrote outside of its folder: %v", left)
	}
}

// TestInTheWay looks that a file of others where a page would be stops it.
func TestInTheWay(t *testing.T) {
	out := t.TempDir()
	o := options(t)
	all := o.Entries
	o.Entries = nil
	write(t, out, o)
	path := filepath.Join(out, "lab", "dental.html")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("mine"), 0o600)); err != nil {
		t.Fatal(err)
	}
	o.Entries = all
	_, err := site.Write(t.Context(), out, o)
	if _, usage := errors.AsType[*lab.UsageError](err); !usage {
		t.Errorf("got %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "mine" {
		t.Error("it was written over")
	}
}

func TestTwoAtOnce(t *testing.T) {
	out, want := filepath.Join(t.TempDir(), "new", "site"), t.TempDir()
	o := options(t)
	write(t, want, o)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := site.Write(t.Context(), out, o); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if !maps.Equal(files(t, want), files(t, out)) {
		t.Error("the site is not as it would have been")
	}
}

// TestBrokenRecords looks that a record that cannot be shown is told, does not
// stop the others, and is tried again.
func TestBrokenRecords(t *testing.T) {
	o := options(t)
	good := o.Report
	o.Report = func(dir string, rec *lab.Record) ([]byte, error) {
		if strings.HasSuffix(dir, "record-0") {
			return nil, errors.New("it is broken " + hostile)
		}
		return good(dir, rec)
	}
	out := t.TempDir()
	w := write(t, out, o)
	if len(w.Problems) != 1 || strings.ContainsAny(w.Problems[0], "\x1b\x00\u202e") {
		t.Errorf("problems: %q", w.Problems)
	}
	if w := write(t, out, o); len(w.Problems) != 1 {
		t.Errorf("it was not tried again: %q", w.Problems)
	}
	o.Report = good
	if w := write(t, out, o); len(w.Problems) != 0 || w.Fresh != 1 {
		t.Errorf("now wrote %+v", w)
	}
}

func TestWriteErrors(t *testing.T) {
	o := options(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := site.Write(t.Context(), filepath.Join(file, "site"), o)
	if _, usage := errors.AsType[*lab.UsageError](err); !usage {
		t.Errorf("below a file: got %v", err)
	}
	out := t.TempDir()
	write(t, out, o)
	page := filepath.Join(out, "index.html")
	if err := errors.Join(os.Remove(page), os.MkdirAll(filepath.Join(page, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	_, err = site.Write(t.Context(), out, o)
	if _, host := errors.AsType[*lab.HostError](err); !host {
		t.Errorf("a folder in a page's place: got %v", err)
	}
	if err := os.RemoveAll(page); err != nil {
		t.Fatal(err)
	}
	if w := write(t, out, o); w.Fresh == 0 {
		t.Errorf("afterwards wrote %+v", w)
	}
}

// BenchmarkWrite10k writes a site of 10,000 runs on 40 labs: all of it, and
// then again with one run more.
func BenchmarkWrite10k(b *testing.B) {
	o := site.Options{Now: now, Report: reported, RunDir: func(ledger.Entry) string { return "" }}
	for i := range 10000 {
		p := patchOf(fmt.Sprint("patch-", i%400/10), fmt.Sprintf("pkg%d_1_amd64.deb", i%400/10), fmt.Sprint(i%400))
		v := []lab.Verdict{lab.Pass, lab.Pass, lab.Pass, lab.Fail, lab.Inconclusive}[i%5]
		o.Entries = append(o.Entries, runOf(fmt.Sprint("client ", i%12), fmt.Sprint("lab-", i%40), p, v, time.Duration(i)*time.Hour, "applied on 3 machines, and 6 of 6 checks pass after it"))
	}
	o.RunDir = records(b.TempDir(), o.Entries)
	for b.Loop() {
		out := b.TempDir()
		start := time.Now()
		write(b, out, site.Options{Entries: o.Entries[1:], Now: o.Now, Report: o.Report, RunDir: o.RunDir})
		b.ReportMetric(time.Since(start).Seconds(), "s/whole")
		start = time.Now()
		write(b, out, o)
		b.ReportMetric(time.Since(start).Seconds(), "s/again")
	}
}
