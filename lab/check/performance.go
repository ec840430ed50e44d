package check

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// performanceCheck measures a command or a page several times, one after the
// other, and compares the median with the baseline's. A command is measured on
// its machine, so that the way there does not count; a page on this host, with
// the way to the place that asks for it.
func performanceCheck(ctx context.Context, s *lab.PerformanceCheck, at place) finding {
	var f finding
	switch {
	case s.Run != "":
		f = timeCommand(ctx, s, at)
	case s.URL != "":
		f = timePage(ctx, s, at)
	default:
		return finding{faults: []string{"nothing to measure"}}
	}
	if !f.passed() {
		f.samples = nil
		return f
	}
	f.judgeMedian(s, median(f.samples), at.Before)
	return f
}

func (f *finding) judgeMedian(s *lab.PerformanceCheck, took float64, before *lab.CheckResult) {
	f.evidence = "samples in seconds: " + secondsList(f.samples) + "\n"
	f.seen = fmt.Sprintf("median %s of %d samples", seconds(took), len(f.samples))
	if s.Max > 0 && took > s.Max.Seconds() {
		f.fault("%s, want at most %s", f.seen, seconds(s.Max.Seconds()))
	}
	if before == nil {
		return
	}
	if len(before.Samples) == 0 {
		f.fault("%s, but the baseline measured nothing to compare it with", f.seen)
		return
	}
	f.evidence += "in the baseline: " + secondsList(before.Samples) + "\n"
	was, factor := median(before.Samples), s.Factor
	if factor <= 0 {
		factor = 2
	}
	compared := fmt.Sprintf("%s, %s in the baseline", f.seen, seconds(was))
	if took > factor*was && took-was > s.Slack.Seconds() {
		f.fault("%s, want at most %s times that or %s more", compared, strconv.FormatFloat(factor, 'f', -1, 64), s.Slack)
		return
	}
	f.seen = compared
}

// samplesWanted is how often is measured.
func samplesWanted(s *lab.PerformanceCheck) int {
	if s.Samples < 1 {
		return 5
	}
	return s.Samples
}

// median of all, which is not empty.
func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

func secondsList(all []float64) string {
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = strconv.FormatFloat(s, 'f', 3, 64)
	}
	return strings.Join(texts, " ")
}

// timePage fetches whole pages, each over a connection of its own.
func timePage(ctx context.Context, s *lab.PerformanceCheck, at place) (f finding) {
	page := &lab.HTTPCheck{URL: s.URL, Insecure: s.Insecure}
	for range samplesWanted(s) {
		req, err := request(ctx, page)
		if err != nil {
			return finding{err: err}
		}
		start := time.Now()
		resp, err := client(page, at).Do(req)
		if err != nil {
			return finding{err: unwrapURL(err)}
		}
		n, err := io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		took := time.Since(start)
		switch {
		case resp.StatusCode >= 400:
			f.fault("status %d, want one below 400", resp.StatusCode)
			return f
		case err != nil:
			f.fault("body broke off after %d bytes", n)
			f.err = brokenBody(err)
			return f
		}
		f.samples = append(f.samples, took.Seconds())
	}
	return f
}

// timeCommand has the machine run the command and time it itself, in one go.
func timeCommand(ctx context.Context, s *lab.PerformanceCheck, at place) finding {
	n := samplesWanted(s)
	got, f := at.ask(ctx, scripts{lab.Linux: linuxTimes(s.Run, n), lab.Windows: windowsTimes(s.Run, n)})
	if !f.passed() {
		return f
	}
	lines := got.lines("runs")
	for _, line := range lines {
		w := strings.Fields(line)
		if len(w) != 3 {
			f.fault("%s measures %s", at.name, quoted(line))
			return f
		}
		if w[2] != "0" {
			f.fault("exit code %s, want 0%s", w[2], after(got["stderr"]))
			return f
		}
		start, err := strconv.ParseFloat(w[0], 64)
		end, eerr := strconv.ParseFloat(w[1], 64)
		if took := end - start; err != nil || eerr != nil || !(took >= 0) || math.IsInf(took, 0) {
			f.fault("%s measures %s", at.name, quoted(line))
			return f
		}
		f.samples = append(f.samples, end-start)
	}
	if len(lines) != n {
		f.fault("%s measured %d times, want %d", at.name, len(lines), n)
	}
	return f
}

// linuxTimes reads the time since the system started, in steps of 10 ms, from
// the kernel: it takes no process, goes on where the clock is set, and every
// shell can do it. Each line is start, end and exit code.
func linuxTimes(command string, n int) string {
	return "cmd=" + guest.Quote(command) + "\nn=" + strconv.Itoa(n) + `
runs= code=0
while [ "$n" -gt 0 ] && [ "$code" = 0 ]; do
	n=$((n - 1))
	read -r start rest </proc/uptime
	sh -c "$cmd" </dev/null >/dev/null
	code=$?
	read -r end rest </proc/uptime
	runs="$runs$start $end $code
"
done
fact runs; printf '%s' "$runs"`
}

// windowsTimes starts a PowerShell for each run, as only that has an exit
// code: its start counts, in the baseline too. An error ends it with 1.
func windowsTimes(command string, n int) string {
	return "$c = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes(" + guest.QuotePS("$ErrorActionPreference = 'Stop'\n$ProgressPreference = 'SilentlyContinue'\n"+command) + "))\n$n = " + strconv.Itoa(n) + `
$runs = @()
$code = 0
while ($n -gt 0 -and $code -eq 0) {
	$n--
	$w = [Diagnostics.Stopwatch]::StartNew()
	$null = & powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -InputFormat None -EncodedCommand $c
	$code = $LASTEXITCODE
	$runs += '0 ' + $w.Elapsed.TotalSeconds.ToString([Globalization.CultureInfo]::InvariantCulture) + " $code"
}
$f['runs'] = $runs -join [char]10`
}
