package check

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// maxPings keeps a check from becoming a flood.
const maxPings = 100

// echoes is what came of echo requests.
type echoes struct {
	sent, answered int
	fastest        time.Duration // 0: not known
}

// pingCheck sends ICMP echo requests.
func pingCheck(ctx context.Context, s *lab.PingCheck, at place) finding {
	count := min(s.Count, maxPings)
	if count <= 0 {
		count = 3
	}
	var f finding
	var got echoes
	if at.Guest != nil {
		got, f = pingFromMachine(ctx, s.Host, count, at)
	} else {
		got, f = pingFromGateway(ctx, s.Host, count, at)
	}
	if f.passed() {
		f.judgePing(s, got)
	}
	return f
}

func (f *finding) judgePing(s *lab.PingCheck, got echoes) {
	loss := s.Loss
	if loss.IsZero() {
		loss.Max = new(float64)
	}
	f.seen = fmt.Sprintf("%d of %d answered", got.answered, got.sent)
	lost := 100 * float64(got.sent-got.answered) / float64(got.sent)
	before := f.seen
	f.expectNumber("", loss, lost, "% lost")
	if f.seen != before && got.fastest > 0 {
		f.seen += fmt.Sprintf(", fastest %s", got.fastest.Round(10*time.Microsecond))
	}
	for i := range f.faults {
		f.faults[i] = before + ": " + f.faults[i]
	}
}

func pingFromGateway(ctx context.Context, host string, count int, at place) (echoes, finding) {
	p, ok := at.Dialer.(lab.Pinger)
	if !ok {
		return echoes{}, finding{err: errors.New("the gateway cannot ping")}
	}
	answered, fastest, err := p.Ping(ctx, host, count)
	if err != nil {
		return echoes{}, finding{err: fmt.Errorf("cannot ping %s from the %s: %w", host, at.name, err)}
	}
	return echoes{count, answered, fastest}, finding{}
}

// pingFromMachine uses the machine's own ping. Answers are waited for as long
// as a slow machine may need, and requests go out one a second.
func pingFromMachine(ctx context.Context, host string, count int, at place) (echoes, finding) {
	got, f := at.ask(ctx, scripts{lab.Linux: linuxPing(host, count), lab.Windows: windowsPing(host, count)})
	if got == nil {
		return echoes{}, f
	}
	if got.has("none") {
		f.fault("%s has no ping", at.name)
		return echoes{}, f
	}
	sum, ok := parsePing(got["ping"])
	if !ok || sum.sent == 0 {
		f.fault("%s cannot ping %s: %s", at.name, host, orDefault(lastLine([]byte(got["ping"])), "it says nothing"))
	}
	return sum, f
}

func linuxPing(host string, count int) string {
	return "if command -v ping >/dev/null; then\nfact ping\nping -n -c " + strconv.Itoa(count) + " -W 3 -- " + guest.Quote(host) + " 2>&1\n" +
		"else\nfact none\nfi"
}

func windowsPing(host string, count int) string {
	return `$p = New-Object System.Net.NetworkInformation.Ping
$n = 0; $min = -1; $why = ''
for ($i = 0; $i -lt ` + strconv.Itoa(count) + `; $i++) {
  try {
    $r = $p.Send(` + guest.QuotePS(host) + `, 3000)
    if ($r.Status -eq 'Success') { $n++; if ($min -lt 0 -or $r.RoundtripTime -lt $min) { $min = $r.RoundtripTime } }
  } catch { $e = $_.Exception; while ($e.InnerException) { $e = $e.InnerException }; $why = $e.Message; break }
}
if ($why) { $f['ping'] = $why } else {
  $f['ping'] = "` + strconv.Itoa(count) + ` packets transmitted, $n received" + "` + "`n" + `rtt min = $min/"
}`
}

var (
	pingSummary = regexp.MustCompile(`(?m)^(\d{1,6}) packets transmitted, (\d{1,6}) (?:packets )?received`)
	pingFastest = regexp.MustCompile(`(?m)min.* = (\d{1,9}(?:\.\d{1,9})?)/`)
)

// parsePing reads the summary of iputils and of busybox.
func parsePing(text string) (got echoes, ok bool) {
	m := pingSummary.FindStringSubmatch(text)
	if m == nil {
		return echoes{}, false
	}
	got.sent, _ = strconv.Atoi(m[1]) // six digits
	got.answered, _ = strconv.Atoi(m[2])
	got.answered = min(got.answered, got.sent) // without those that came twice
	if m := pingFastest.FindStringSubmatch(text); m != nil {
		ms, _ := strconv.ParseFloat(m[1], 64) // digits
		got.fastest = time.Duration(ms * float64(time.Millisecond))
	}
	return got, true
}
