package notify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
)

func samples() []Sample {
	return []Sample{
		{Lab: "shop", Patch: "kernel", Verdict: lab.Inconclusive, Code: 3, Started: noon.Add(time.Hour), Seconds: 90.5},
		{Lab: "dental", Client: "Harbour \"Dental\"\n", Patch: `C:\fix`, Verdict: lab.Pass, Started: noon, Seconds: 60, LastPass: noon},
		{Lab: "shop", Patch: "kernel", Verdict: lab.Pass, Started: noon, Seconds: 1, LastPass: noon},
		{Lab: "broken", Code: 2},
	}
}

func TestMetrics(t *testing.T) {
	var b strings.Builder
	if err := Metrics(&b, "patchlab", samples(), noon.Add(6*time.Hour), 3, 1<<40, "1.2"); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/metrics.prom")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Error(d)
	}
	var again strings.Builder
	reversed := samples()
	reversed[0], reversed[2] = reversed[2], reversed[0]
	if err := Metrics(&again, "patchlab", reversed, noon.Add(6*time.Hour), 3, 1<<40, "1.2"); err != nil || again.String() != b.String() {
		t.Error("another order of the samples gives another text", err)
	}
}

func TestMetricsOfNothing(t *testing.T) {
	var b strings.Builder
	if err := Metrics(&b, "", nil, time.Time{}, 0, -1, "1.2"); err != nil {
		t.Fatal(err)
	}
	want := "# HELP patchlab_info 1; the label version says which patchlab wrote this.\n# TYPE patchlab_info gauge\npatchlab_info{version=\"1.2\"} 1\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
}

// Nothing that a lab is called ends a line or a label.
func TestMetricsWithHostileNames(t *testing.T) {
	evil := "x\"} 1\npatchlab_disk_bytes 0\n\xff\\"
	var b strings.Builder
	if err := Metrics(&b, evil, []Sample{{Lab: evil, Client: evil, Patch: evil + strings.Repeat("y", 1<<20)}}, noon, 0, 1, evil); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, b.String())
}

var (
	metricLine  = regexp.MustCompile(`^([a-z_]+)(\{([a-z]+="(?:[^"\\\n]|\\[\\n"])*",?)+\})? -?[0-9.]+$`)
	commentLine = regexp.MustCompile(`^# (HELP|TYPE) ([a-z_]+) .+$`)
)

// wellFormed checks the grammar, that each metric has one head and that
// nothing is said twice.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	seen, current := map[string]bool{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := commentLine.FindStringSubmatch(line); m != nil {
			current = m[2]
			line = m[1] + m[2]
		} else if m := metricLine.FindStringSubmatch(line); m == nil || m[1] != current {
			t.Errorf("%.200q", line)
		} else {
			line = line[:strings.LastIndexByte(line, ' ')]
		}
		if seen[line] {
			t.Errorf("twice: %.200q", line)
		}
		seen[line] = true
	}
}

func FuzzMetrics(f *testing.F) {
	f.Add("dental", "Harbour Dental", "x\"\\\n\xff")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var out strings.Builder
		err := Metrics(&out, c, []Sample{{Lab: a, Client: b, Patch: c}, {Lab: a, Client: b, Patch: c, Started: noon}, {Lab: c}}, noon, 0, 1, b)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, out.String())
	})
}

func TestWriteMetrics(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := t.TempDir()
	path := filepath.Join(dir, "patchlab.prom")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteMetrics(path, samples(), noon, 0, 1, "1.2"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Error(info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(text), "# HELP") {
		t.Errorf("%.20q, %v", text, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Error(left)
	}
}

// The files of two nights over the same labs say nothing twice: node_exporter
// would refuse both.
func TestWriteMetricsOfTwoNights(t *testing.T) {
	dir := t.TempDir()
	lines := map[string]bool{}
	for i, name := range []string{"daily.prom", "weekly.prom"} {
		if err := WriteMetrics(filepath.Join(dir, name), samples(), noon, i, 1, "1.2"); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), fmt.Sprintf("patchlab_last_night_exit_code{night=%q} %d\n", strings.TrimSuffix(name, ".prom"), i)) {
			t.Errorf("%v:\n%s", err, text)
		}
		for line := range strings.Lines(string(text)) {
			series := line[:strings.LastIndexByte(line, ' ')]
			if line[0] != '#' && lines[series] {
				t.Errorf("twice: %s", series)
			}
			lines[series] = true
		}
	}
}

func TestWriteMetricsThatCannot(t *testing.T) {
	for _, name := range []string{"patchlab.txt", "patchlab", ".prom", "patchlab.prom.gz"} {
		err := WriteMetrics(filepath.Join(t.TempDir(), name), nil, noon, 0, 1, "")
		if _, ok := errors.AsType[*lab.UsageError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "x.prom"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "x.prom"), filepath.Join(dir, "none", "x.prom")} {
		if err := WriteMetrics(path, nil, noon, 0, 1, ""); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("something is left: %v", left)
	}
	if err := Metrics(full{}, "", nil, noon, 0, 1, ""); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
