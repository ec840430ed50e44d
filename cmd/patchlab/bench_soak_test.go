//go:build bench

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/renameio/v2"

	"github.com/patchlab/patchlab/lab"
)

// pss is the proportional set size of a QEMU in MB (10⁶ bytes): pages that
// several processes map count in parts. It is by what the pages are for.
type pss struct {
	ram   float64 // the mapping of the RAM file, a fork's own copies of its pages included
	cache float64 // QEMU's translated code, of emulation alone: anonymous, writable and executable
	files float64 // programs and libraries
	anon  float64 // all else that QEMU has
}

func (p pss) plus(q pss) pss {
	return pss{p.ram + q.ram, p.cache + q.cache, p.files + q.files, p.anon + q.anon}
}

// mapping is the first line of a mapping in smaps: its permissions and path.
var mapping = regexp.MustCompile(`^[0-9a-f]+-[0-9a-f]+ (\S{4}) \S+ \S+ \d+ *(.*)$`)

// pssOf reads /proc/PID/smaps.
func pssOf(pid int) (p pss, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return p, err
	}
	part := &p.anon
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if m := mapping.FindStringSubmatch(lines.Text()); m != nil {
			switch perms, path := m[1], m[2]; {
			case strings.HasSuffix(path, ".ram"):
				part = &p.ram
			case path == "" && perms[1:3] == "wx":
				part = &p.cache
			case strings.HasPrefix(path, "/"):
				part = &p.files
			default:
				part = &p.anon
			}
		}
		if fields := strings.Fields(lines.Text()); fields[0] == "Pss:" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				return p, err
			}
			*part += kib * 1024 / 1e6
		}
	}
	if p.ram == 0 {
		return p, fmt.Errorf("process %d maps no RAM file", pid)
	}
	return p, nil
}

// machinesPSS is the sum of all QEMUs of a lab, and how many there are.
func (b *bencher) machinesPSS(ctx context.Context, l *lab.Lab) (sum pss, n int, err error) {
	all, err := b.engine.Store.Usage(ctx)
	if err != nil {
		return sum, 0, err
	}
	for _, u := range all {
		for _, m := range u.Machines {
			if u.Lab != l.Name || m.PID == 0 {
				continue
			}
			p, err := pssOf(m.PID)
			if err != nil {
				return sum, 0, err
			}
			sum, n = sum.plus(p), n+1
		}
	}
	return sum, n, nil
}

// idlePause lets machines that were just forked come to rest.
const idlePause = 20 * time.Second

// benchPSS compares the memory of eight forks of one machine that run at once
// with that of eight machines which were booted each on its own.
//
// Of the latter two are booted, one after the other: each is looked at when its
// set-up is done and it is at rest, and before its memory is trimmed for the
// ready state. Eight of them are taken to have eight times that, and programs
// and libraries once.
func benchPSS(t *testing.T, figures map[string]float64) {
	b := newBencher(t)
	l := b.lab("pss", 1, 512)
	const forks, boots = 8, 2
	var booted pss
	var r lab.Ready
	for range boots {
		b.forget(l.Name)
		n, failed := 0, error(nil)
		r = b.ready(l, &watch{step: func(text string) {
			if strings.HasPrefix(text, "trimming the memory") {
				var p pss
				p, n, failed = b.machinesPSS(t.Context(), l)
				booted = booted.plus(p)
			}
		}})
		if failed != nil || n != 1 {
			t.Fatalf("saw %d machines at rest, want 1 (%v)", n, failed)
		}
	}
	for range forks {
		b.fork(r)
	}
	time.Sleep(idlePause)
	forked, n, err := b.machinesPSS(t.Context(), l)
	if err != nil || n != forks {
		t.Fatalf("saw %d machines, want %d (%v)", n, forks, err)
	}
	t.Logf("%d booted machines: %+v; %d forks: %+v", boots, booted, forks, forked)
	each := float64(forks) / boots
	// The guests' memory: the RAM file's pages.
	figures["pss_ram_8_forks_mb"], figures["pss_ram_8_machines_mb"] = forked.ram, booted.ram*each
	// QEMU itself: heap, stacks, programs and libraries.
	figures["pss_other_8_forks_mb"], figures["pss_other_8_machines_mb"] = forked.anon+forked.files, booted.anon*each+booted.files/boots
	// QEMU's translation cache, which only emulation has.
	figures["pss_translation_8_forks_mb"], figures["pss_translation_8_machines_mb"] = forked.cache, booted.cache*each
	ours := figures["pss_ram_8_forks_mb"] + figures["pss_other_8_forks_mb"]
	theirs := figures["pss_ram_8_machines_mb"] + figures["pss_other_8_machines_mb"]
	// The guests' memory and QEMU itself, without the translation cache: the
	// forks' over the separate machines'.
	figures["pss_8_forks_vs_8_machines"] = ours / theirs
	// The same with the translation cache.
	figures["pss_8_forks_vs_8_machines_whole"] = (ours + forked.cache) / (theirs + booted.cache*each)
}

// The series of a soak. Growth is by what the fitted line may rise over the
// rounds that are looked at, 250 of 300; counts may not grow at all.
var soakSeries = []struct {
	key, name, unit string
	growth          float64
}{
	{"processes", "processes of patchlab", "", 0},
	{"agent_descriptors", "descriptors of the agent", "", 0},
	{"own_descriptors", "descriptors of this process", "", 0},
	// Since before the first revert. An instance's logs and journal tell of
	// each: 4 kB.
	{"disk_mb", "disk space added to the home", "MB", 2},
	{"agent_memory_mb", "resident memory of the agent", "MB", 4},
	{"qemu_pss_mb", "PSS of QEMU", "MB", 16},
}

// warmUp is how many rounds are not looked at for growth.
const warmUp = 50

// benchSoak reverts one instance PATCHLAB_BENCH_SOAK times (300), makes and
// destroys a fork beside it every tenth time, and looks for what grows. The
// plot is build/soak.svg.
func benchSoak(t *testing.T, figures map[string]float64) {
	b := newBencher(t)
	l := b.lab("soak", 1, 256)
	r := b.ready(l, nil)
	b.up(l)
	all := make([][]float64, len(soakSeries))
	var seconds []float64
	before := allocatedMB(b.home)
	defer func() { // also of a soak that ends early
		if len(all[0]) > 0 {
			writePlot(t, all)
		}
	}()
	for i := range number(t, "PATCHLAB_BENCH_SOAK", 300) {
		seconds = append(seconds, b.revert(l))
		if i%10 == 9 {
			b.forked(r)
		}
		for k, v := range b.soakSample(l, before) {
			all[k] = append(all[k], v)
		}
	}
	// How many times the instance was reverted, and Engine.Revert's median.
	figures["soak_rounds"] = float64(len(seconds))
	b.figure(figures, "soak_revert_s", seconds)
	for k, s := range soakSeries {
		v := all[k][min(warmUp, len(all[k])/2):]
		rise := slope(v) * float64(len(v))
		t.Logf("%s: %.3f … %.3f %s, the line rises by %.3f", s.name, slices.Min(v), slices.Max(v), s.unit, rise)
		// By what the fitted line rises over the rounds after the first 50.
		figures["soak_growth_"+s.key] = rise
		first, last := median(v[:(len(v)+1)/2]), median(v[len(v)/2:])
		if s.growth == 0 && last > first || rise > max(s.growth, 0.5) {
			t.Errorf("%s: growth over %d rounds from %.3f to %.3f %s, of the line by %.3f, want at most %.1f",
				s.name, len(v), first, last, s.unit, rise, s.growth)
		}
	}
}

// writePlot writes soak.svg beside bench.json.
func writePlot(t *testing.T, all [][]float64) {
	dir := filepath.Join("..", "..", "build")
	if path := os.Getenv("PATCHLAB_BENCH_JSON"); path != "" {
		dir = filepath.Dir(path)
	}
	title := fmt.Sprintf("%d reverts in a row of one machine of 256 MiB, every tenth with a fork beside it", len(all[0]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Error(err)
	}
	if err := renameio.WriteFile(filepath.Join(dir, "soak.svg"), []byte(soakSVG(title, all)), 0o644); err != nil {
		t.Error(err)
	}
}

// soakSample measures, in the order of soakSeries. DiskMB is what the home
// occupied before.
func (b *bencher) soakSample(l *lab.Lab, diskMB float64) []float64 {
	b.t.Helper()
	all, err := b.engine.Store.Usage(b.t.Context())
	if err != nil || len(all) != 1 || all[0].Lab != l.Name || len(all[0].Machines) != 1 {
		b.t.Fatalf("the one instance is not there: %+v (%v)", all, err)
	}
	p, err := pssOf(all[0].Machines[0].PID)
	if err != nil {
		b.t.Fatal(err)
	}
	pid := all[0].AgentPID
	return []float64{
		float64(len(processesNaming(b.home))),
		float64(len(folders(fmt.Sprintf("/proc/%d/fd", pid)))),
		float64(len(folders("/proc/self/fd"))),
		allocatedMB(b.home) - diskMB,
		residentMB(b.t, pid),
		p.ram + p.cache + p.files + p.anon,
	}
}

// residentMB is a process's resident memory in 10⁶ bytes.
func residentMB(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * float64(os.Getpagesize()) / 1e6
}

// slope is that of the line that fits best, per step.
func slope(v []float64) float64 {
	n := float64(len(v))
	var sx, sy, sxx, sxy float64
	for i, y := range v {
		x := float64(i)
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if n < 2 {
		return 0
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

// soakPanels are the plot's: which series share one, and their unit.
var soakPanels = []struct {
	unit   string
	series []int
}{{"count", []int{0, 1, 2}}, {"MB", []int{3}}, {"MB", []int{4}}, {"MB", []int{5}}}

const panelW, panelH = 360, 180

// soakSVG draws all series over the rounds, in four panels.
func soakSVG(title string, all [][]float64) string {
	var s strings.Builder
	title = html.EscapeString(title)
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" width="920" height="640" font-family="sans-serif" font-size="11">
<title>%s</title><rect width="100%%" height="100%%" fill="white"/>
<text x="460" y="26" text-anchor="middle" font-size="15">%s</text>
`, title, title)
	for i, panel := range soakPanels {
		fmt.Fprintf(&s, `<g transform="translate(%d %d)">`+"\n", 70+(i%2)*450, 80+(i/2)*290)
		soakPanel(&s, panel.unit, panel.series, all)
		s.WriteString("</g>\n")
	}
	return s.String() + "</svg>\n"
}

// soakPanel draws one panel, whose top left corner is 0 0.
func soakPanel(s *strings.Builder, unit string, series []int, all [][]float64) {
	colors := []string{"#1f5fa8", "#b3541e", "#3a7d34"}
	rounds, low, high := len(all[0]), 0.0, 0.0
	for _, k := range series {
		low, high = min(low, slices.Min(all[k])), max(high, slices.Max(all[k]))
	}
	low, high = -niceEnd(-low), niceEnd(high)
	if high == low {
		high = 1
	}
	x := func(round int) float64 { return panelW * float64(round) / float64(max(1, rounds-1)) }
	y := func(v float64) float64 { return panelH * (high - v) / (high - low) }
	for tick := range 5 {
		v, round := low+(high-low)*float64(tick)/4, (rounds-1)*tick/4
		fmt.Fprintf(s, `<path d="M0 %.1f h%d" stroke="#ddd"/><text x="-6" y="%.1f" text-anchor="end">%.4g</text>`+"\n", y(v), panelW, y(v)+4, v)
		fmt.Fprintf(s, `<path d="M%.1f %d v4" stroke="black"/><text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(round), panelH, x(round), panelH+17, round+1)
	}
	fmt.Fprintf(s, `<path d="M0 0 v%d h%d" fill="none" stroke="black"/><text x="%d" y="%d" text-anchor="middle">round</text>`+"\n", panelH, panelW, panelW/2, panelH+34)
	fmt.Fprintf(s, `<text transform="translate(-48 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", panelH/2, html.EscapeString(unit))
	for i, k := range series {
		fmt.Fprintf(s, `<text x="4" y="%d" fill="%s">%s</text>`+"\n", -8-13*(len(series)-1-i), colors[i], html.EscapeString(soakSeries[k].name))
		fmt.Fprintf(s, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, colors[i])
		for round, v := range all[k] {
			fmt.Fprintf(s, "%.1f,%.1f ", x(round), y(v))
		}
		s.WriteString("\"/>\n")
	}
}

// niceEnd is where an axis ends that holds v: 1, 2, 4 or 8 times a power of
// ten, or 0.
func niceEnd(v float64) float64 {
	if v <= 0 {
		return 0
	}
	for end := math.Pow(10, math.Floor(math.Log10(v))); ; end *= 2 {
		if end >= v {
			return end
		}
	}
}
