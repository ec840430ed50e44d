package report

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

func phases(n int, change func(i int, p *lab.PhaseRecord)) *lab.Record {
	r := &lab.Record{}
	start := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	names := []string{"boot", "check", "patch", "reboot", "take stock", "take out", "revert", "something new"}
	arms := []lab.Arm{lab.ArmReady, lab.ArmBaseline, lab.ArmControl, lab.ArmPatched, "unknown"}
	for i := range n {
		p := lab.PhaseRecord{
			Name: names[i%len(names)], Arm: arms[i%len(arms)], Machine: fmt.Sprint("m", i%7),
			Started: start.Add(time.Duration(i) * time.Second), Seconds: float64(i % 40),
		}
		change(i, &p)
		r.Phases = append(r.Phases, p)
	}
	return r
}

func checkChart(t *testing.T, c timeline) {
	t.Helper()
	for i, r := range c.Rows {
		if i > 0 && r.Y < c.Rows[i-1].Y+c.Rows[i-1].H {
			t.Errorf("row %d begins in the one before", i)
		}
	}
	for _, b := range c.Bars {
		inRow := false
		for _, r := range c.Rows {
			inRow = inRow || b.Y >= r.Y && b.Y+b.H <= r.Y+r.H
		}
		if !inRow || b.X < chartLabel || b.X+b.W > c.Width || b.W < 2 {
			t.Errorf("the bar %+v is outside of its row or of the chart", b)
		}
		if b.Text != "" && b.TextX+textWidth(b.Text, 11, plainText) > c.Width {
			t.Errorf("the text of the bar %+v is outside of the chart", b)
		}
		if b.Failed && !strings.Contains(b.Title, "failed") {
			t.Errorf("the bar %+v does not say that it failed", b)
		}
	}
	for _, tick := range c.Ticks {
		if tick.X < chartLabel || tick.X > c.Width {
			t.Errorf("the tick %+v is outside of the chart", tick)
		}
	}
	if c.Height <= c.Bottom {
		t.Errorf("the chart ends at %d, its axis is at %d", c.Height, c.Bottom)
	}
}

func TestTimelineFits(t *testing.T) {
	odd := []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1), 1e300}
	for name, change := range map[string]func(i int, p *lab.PhaseRecord){
		"usual":       func(int, *lab.PhaseRecord) {},
		"all at once": func(_ int, p *lab.PhaseRecord) { p.Started = time.Time{} },
		"no time":     func(_ int, p *lab.PhaseRecord) { p.Seconds, p.Started = 0, time.Time{} },
		"odd seconds": func(i int, p *lab.PhaseRecord) { p.Seconds = odd[i%len(odd)] },
		"odd times":   func(i int, p *lab.PhaseRecord) { p.Started = time.Unix(int64(i)*1e12-1e13, 0) },
		"failed":      func(i int, p *lab.PhaseRecord) { p.Error = "no answer" },
		"long names":  func(i int, p *lab.PhaseRecord) { p.Machine += strings.Repeat("Wide", 50); p.Name = p.Machine },
		"short": func(i int, p *lab.PhaseRecord) {
			p.Started, p.Seconds = p.Started.Add(-time.Duration(i)*time.Second), 0.01
		},
	} {
		for _, n := range []int{1, 2, 30, 200, 5000} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				c := newTimeline(phases(n, change))
				checkChart(t, c)
				if len(c.Bars) == 0 || len(c.Bars) > drawnBars || len(c.Phases) > listPhases || len(c.Ticks) > 16 {
					t.Errorf("%d bars, %d rows of the table, %d ticks", len(c.Bars), len(c.Phases), len(c.Ticks))
				}
				if len(c.Phases)+c.More != n {
					t.Errorf("the table has %d rows and says that %d more are in the record, of %d", len(c.Phases), c.More, n)
				}
			})
		}
	}
}

func TestTimelineMergesWhatIsTooShort(t *testing.T) {
	r := phases(6, func(i int, p *lab.PhaseRecord) {
		p.Arm, p.Machine, p.Name, p.Seconds = lab.ArmPatched, "web", "check", 0.1
		p.Started = time.Unix(0, 0).Add(time.Duration(i) * 200 * time.Millisecond)
	})
	r.Phases = append(r.Phases, lab.PhaseRecord{Arm: lab.ArmPatched, Machine: "web", Name: "reboot", Started: time.Unix(100, 0), Seconds: 300})
	c := newTimeline(r)
	if len(c.Bars) != 2 || c.Bars[0].Text != "6 × check" || c.Bars[1].Text != "reboot" {
		t.Errorf("the bars are %+v", c.Bars)
	}
	r.Phases[3].Error, r.Phases[3].Seconds = "refused", 3
	if c = newTimeline(r); c.Failed != 1 || !strings.Contains(fmt.Sprint(c.Errors), "patched, web: check failed after 3.0 s: refused") {
		t.Errorf("the errors are %q", c.Errors)
	}
	for _, b := range c.Bars {
		for _, other := range c.Bars {
			if b.Failed && !other.Failed && b.Y == other.Y && b.X < other.X+other.W && other.X < b.X+b.W {
				t.Errorf("the bar %+v, which failed, is covered by %+v", b, other)
			}
		}
	}
}

func TestTicks(t *testing.T) {
	for seconds, want := range map[float64]string{
		0.4: "[0 0.1 s 0.2 s 0.3 s 0.4 s]", 75: "[0 10 s 20 s 30 s 40 s 50 s 60 s 70 s]",
		400: "[0 1 min 2 min 3 min 4 min 5 min 6 min]", 20000: "[0 1:00 h 2:00 h 3:00 h 4:00 h 5:00 h]",
	} {
		r := phases(1, func(_ int, p *lab.PhaseRecord) { p.Seconds = seconds })
		var got []string
		for _, tick := range newTimeline(r).Ticks {
			got = append(got, tick.Text)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%g s: %v, want %s", seconds, got, want)
		}
	}
}
