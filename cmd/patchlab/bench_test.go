//go:build bench

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/renameio/v2"
)

// TestBench measures what README promises and writes build/bench.json: one
// object of name → number. What is compared is run side by side, in turns. Each
// part writes what it measured as soon as it has ended.
func TestBench(t *testing.T) {
	for _, part := range []struct {
		name    string
		measure func(*testing.T, map[string]float64)
	}{
		{"plan_1000_ms", benchPlan},
		{"evidence", benchEvidence},
		{"switch_vs_gvisor_tap_vsock", benchSwitch},
		{"up3_vs_script", benchUp},
		{"fork", benchFork},
		{"size", benchSize},
		{"pss", benchPSS},
		{"vagrant", benchVagrant},
		{"soak", benchSoak},
	} {
		figures := map[string]float64{}
		t.Run(part.name, func(t *testing.T) { part.measure(t, figures) })
		if len(figures) > 0 {
			writeFigures(t, figures)
		}
	}
}

// writeFigures merges the figures into the file that PATCHLAB_BENCH_JSON
// names.
func writeFigures(t *testing.T, figures map[string]float64) {
	path := os.Getenv("PATCHLAB_BENCH_JSON")
	if path == "" {
		path = "../../build/bench.json"
	}
	all := map[string]float64{}
	if text, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	maps.Copy(all, figures)
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := renameio.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(figures)) {
		fmt.Printf("%-36s %.3f\n", name, figures[name])
	}
}

// benchUp compares the first `up` of three machines, which makes their ready
// state, with a hand-written script that starts the same image three times and
// waits for SSH.
func benchUp(t *testing.T, figures map[string]float64) {
	b := newBencher(t)
	l := b.lab("three", 3, 512)
	b.want(0, "image", "build", l.Dir)
	var ours, theirs []float64
	for range rounds(t, 3) {
		b.forget(l.Name)
		ours = append(ours, b.up(l))
		image := running(t, b.world, l.Name).Images[l.Machines[0].Name].Path
		b.want(0, "down", l.Name)
		theirs = append(theirs, timed(func() {
			c := exec.Command("bash", "testdata/up3.sh", image, t.TempDir())
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("the script failed: %v\n%s", err, out)
			}
		}))
	}
	// The whole command `up` without a ready state: boot, save, fork.
	b.figure(figures, "first_up3_s", ours)
	// The script, until SSH answers on all three.
	b.figure(figures, "up3_script_s", theirs)
	// The second over the first.
	figures["up3_vs_script"] = median(theirs) / median(ours)
}

// rounds is how often each side is run: PATCHLAB_BENCH_ROUNDS, or usual.
func rounds(t *testing.T, usual int) int { return number(t, "PATCHLAB_BENCH_ROUNDS", usual) }

// number is what an environment variable holds, or usual.
func number(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q: want a number of at least 1", name, text)
	}
	return n
}

func timed(do func()) float64 {
	started := time.Now()
	do()
	return time.Since(started).Seconds()
}

// goBench runs a Go benchmark several times and returns the median of each
// metric by sub-benchmark: "patchlab/small" → "frames/s" → 1e6.
func goBench(t *testing.T, pkg, pattern string) map[string]map[string]float64 {
	out, err := exec.Command("go", "test", "-run", "^$", "-bench", pattern, "-count", "3", pkg).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	all := map[string]map[string][]float64{}
	line := regexp.MustCompile(`^Benchmark\w+/(\S*?)(?:-\d+)?\s+\d+\s+(.*)$`)
	for l := range strings.Lines(string(out)) {
		m := line.FindStringSubmatch(strings.TrimSpace(l))
		if m == nil {
			continue
		}
		if all[m[1]] == nil {
			all[m[1]] = map[string][]float64{}
		}
		fields := strings.Fields(m[2])
		for i := 0; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				all[m[1]][fields[i+1]] = append(all[m[1]][fields[i+1]], v)
			}
		}
	}
	medians := map[string]map[string]float64{}
	for name, units := range all {
		medians[name] = map[string]float64{}
		for unit, v := range units {
			medians[name][unit] = median(v)
		}
	}
	return medians
}

// benchSwitch compares our switch with gvisor-tap-vsock's, in one Go
// benchmark. Of the loads the one with the smallest advantage counts.
func benchSwitch(t *testing.T, figures map[string]float64) {
	got := goBench(t, "../../lab/network", "BenchmarkSwitch")
	worst := 0.0
	for _, load := range []string{"small", "full", "single", "mixed"} {
		ours, theirs := got[load+"/patchlab"]["frames/s"], got[load+"/gvisor-tap-vsock"]["frames/s"]
		if ours == 0 || theirs == 0 {
			t.Fatalf("no figures for %q: %v", load, got)
		}
		figures["switch_"+load+"_frames_per_s"] = ours
		figures["switch_"+load+"_mb_per_s"] = got[load+"/patchlab"]["MB/s"]
		if ratio := ours / theirs; worst == 0 || ratio < worst {
			worst = ratio
		}
	}
	figures["switch_vs_gvisor_tap_vsock"] = worst
	figures["switch_lost_beside_stalled_port"] = got["stalled/patchlab"]["lost"]
	figures["switch_lost_beside_stalled_port_gvisor_tap_vsock_percent"] = got["stalled/gvisor-tap-vsock"]["lost%"]
}

// benchPlan measures validate and plan of generated definitions.
func benchPlan(t *testing.T, figures map[string]float64) {
	got := goBench(t, "../../hcl", "BenchmarkPlan")
	t.Log(got)
	figures["plan_1000_ms"] = got["1000"]["ns/op"] / 1e6
	figures["plan_2000_vs_1000"] = got["2000"]["ns/op"] / got["1000"]["ns/op"]
}
