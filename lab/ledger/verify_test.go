package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// flip changes a bit of each byte of a file, one at a time, and fails where
// Verify finds nothing.
func (h *home) flip(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	for i := range text {
		bit := []byte{0x01, 0x20, 0x80}[i%3]
		text[i] ^= bit
		must(t, os.WriteFile(path, text, 0o600))
		if v := h.verified(t); len(v.Problems) == 0 {
			t.Errorf("byte %d of %s became %q, and nothing was found", i, path, text[i])
		}
		text[i] ^= bit
	}
	must(t, os.WriteFile(path, text, 0o600))
}

// TestVerifyEveryByte alters each byte of all that a ledger and its run records
// consist of, those that were merged included.
func TestVerifyEveryByte(t *testing.T) {
	other, h := newHome(t), newHome(t)
	other.run(t, "vet", 1, lab.Pass)
	rec := h.run(t, "dental", 2, lab.Pass)
	h.decide(t, Approve, rec, h.now.AddDate(1, 0, 0))
	_, err := h.MergeFrom(t.Context(), other.dir)
	must(t, err)
	h.sound(t, 0)
	files := 0
	must(t, filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != lockFile {
			files++
			h.flip(t, path)
		}
		return err
	}))
	if files != 12 { // lines and head, twice; a run's four, twice
		t.Errorf("%d files were altered, want 12", files)
	}
	if v := h.sound(t, 0); v.Runs != 2 || v.Ledgers != 2 || v.Entries != 6 || v.Unsealed != 6 || v.Trusted {
		t.Errorf("verified %+v", v)
	}
}

func TestVerifyLines(t *testing.T) {
	h := newHome(t)
	for n := range 4 {
		h.run(t, "dental", n, lab.Pass)
	}
	l := h.lines(t)
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"the first removed", l[1:], "entries 1 to 1 were removed"},
		{"two removed", []string{l[0], l[3], l[4]}, "entry 2: entries 2 to 3 were removed or moved"},
		{"reordered", []string{l[0], l[2], l[1], l[3], l[4]}, "entry 2"},
		{"one twice", []string{l[0], l[1], l[1], l[2], l[3], l[4]}, "entry 3: was altered, removed or moved: in its place stands entry 2"},
		{"the end cut off", l[:4], "entry 5: the end was cut off: there are 4 of 5 entries"},
		{"all cut off", nil, "there are 0 of 5"},
		{"within the last", []string{l[0], l[1], l[2], l[3], l[4][:50]}, "there are 4 of 5"},
		{"the last altered", []string{l[0], l[1], l[2], l[3], strings.Replace(l[4], "pass", "fail", 1)}, "entry 5: head.json"},
		{"one altered", []string{l[0], l[1], strings.Replace(l[2], "pass", "fail", 1), l[3], l[4]}, "entry 3: was altered: the entry after"},
		{"its chain altered", []string{l[0], l[1], linePrefix + zeros + l[2][len(linePrefix)+64:], l[3], l[4]}, "entry 3: was altered: it does not hold"},
		{"no JSON", []string{l[0], l[1], "{}\n", l[3], l[4]}, "entry 3"},
		{"an empty one", []string{l[0], l[1], "\n", l[2], l[3], l[4]}, "entry 3"},
	} {
		h.setLines(t, c.lines...)
		h.found(t, c.want)
		_, err := h.Entries(Filter{})
		wantTampered(t, err, "")
		if c.lines == nil {
			must(t, os.Remove(h.path("ledger", linesFile)))
			h.found(t, c.want)
		}
	}
	h.setLines(t, l...)
	head := h.path("ledger", headFile)
	must(t, os.Rename(head, head+"x"))
	h.found(t, "head.json: is gone")
	h.setLines(t, l[0])
	h.found(t, "head.json: is gone")
	must(t, os.Symlink(head+"x", head))
	h.found(t, "not a regular file")
}

func TestVerifyRunFolder(t *testing.T) {
	h := newHome(t)
	rec := h.run(t, "dental", 1, lab.Pass)
	list, err := h.Entries(Filter{Kinds: []Kind{Run}})
	must(t, err)
	file := func(name string) string { return filepath.Join(rec.Dir, name) }
	for _, c := range []struct {
		name   string
		change func() error
		want   string
	}{
		{"added", func() error { return os.WriteFile(file("logs/new"), nil, 0o600) }, "logs/new: was added"},
		{"hidden", func() error { return os.WriteFile(file(".new"), nil, 0o600) }, ".new: was added"},
		{"link", func() error { return os.Symlink("/etc/passwd", file("link")) }, "link: was added"},
		{"removed", func() error { return os.Remove(file("report.html")) }, "report.html: is gone"},
		{"replaced", func() error { return errors.Join(os.Remove(file("report.html")), os.Mkdir(file("report.html"), 0o700)) }, "report.html: was replaced"},
		{"linked", func() error {
			return errors.Join(os.Rename(file("report.html"), h.path("away")), os.Symlink(h.path("away"), file("report.html")))
		}, "report.html"},
		{"sums", func() error { return os.Remove(file(sumsFile)) }, "SHA256SUMS: is gone"},
		{"record", func() error { return os.Remove(file(recordFile)) }, "run.json: is gone"},
		{"all", func() error { return os.RemoveAll(rec.Dir) }, "dental/20261101-010000-0001: its folder is gone"},
		{"file", func() error { return errors.Join(os.RemoveAll(rec.Dir), os.WriteFile(rec.Dir, nil, 0o600)) }, "replaced by something else"},
	} {
		must(t, os.RemoveAll(rec.Dir))
		rec = h.record(t, "dental", 1, lab.Pass)
		h.sound(t, 0)
		must(t, c.change())
		h.found(t, c.want)
		err := h.Check(list[0])
		if c.name == "all" {
			if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrTampered) {
				t.Errorf("a folder that is gone: %v", err)
			}
			continue
		}
		wantTampered(t, err, c.want)
	}
	must(t, os.RemoveAll(h.Runs))
	h.found(t, "its folder is gone")
	if err := h.Check(list[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no run records at all: %v", err)
	}
}

func TestVerifyNothing(t *testing.T) {
	h := newHome(t)
	if v := h.sound(t, 0); v.Ledgers != 0 || v.Problems == nil || v.Notes == nil {
		t.Errorf("verified %+v", v)
	}
	list, err := h.Entries(Filter{})
	if err != nil || list == nil || len(list) != 0 {
		t.Errorf("entries %v, error %v", list, err)
	}
	if _, err := os.Stat(h.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("reading has made a ledger")
	}
	h.record(t, "dental", 1, lab.Pass)
	v := h.sound(t, 1)
	if len(v.Notes) == 1 && v.Notes[0].Text != "is not entered yet" {
		t.Errorf("note %v", v.Notes[0])
	}
	_, err = h.Verify(t.Context(), h.path("no such file"))
	wantUsage(t, err, "operators' keys")
}

func TestVerifyInterrupted(t *testing.T) {
	h := newHome(t)
	h.run(t, "dental", 1, lab.Pass)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := h.Verify(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("verified %+v, error %v", v, err)
	}
}

func TestProblemString(t *testing.T) {
	p := Problem{Ledger: "5f", Seq: 3, Run: "a/\x1b[2Jb", File: "x\ny", Text: strings.Repeat("long", 1000)}
	if s := p.String(); len(s) > 500 || strings.ContainsAny(s, "\x1b\n") || !strings.HasPrefix(s, `entry 3: ledger 5f: run a/b: x\ny: long`) {
		t.Errorf("%q", s)
	}
}
