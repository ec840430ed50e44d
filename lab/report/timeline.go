package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Measures of the chart, in pixels.
const (
	chartLabel = 172 // where the rows' names end
	chartWidth = 1012
	laneStep   = 22
	barSize    = 18
	axisSpace  = 52
	mostLanes  = 4 // of one row: more at once are drawn over each other
	overlap    = 2 // pixels that may be over each other: by rounding, or because a bar is never narrower
	drawnRows  = 60
	drawnBars  = 2000
	toldErrors = 12
	listPhases = 200
)

// timeline is the chart of the phases, and the list of them.
type timeline struct {
	Width, Height int
	Label         int // where the rows' names end
	Bottom        int // where the time axis is
	TickY         int
	LegendY       int
	LegendTextY   int
	Desc          string // the chart in words
	Ticks         []tick
	Rows          []timeRow
	Bars          []timeBar
	Legend        []legendItem
	Phases        []phaseRow
	More          int // phases that are not in the list
	MoreRows      int
	Undrawn       int
	Failed        int
	MoreErrors    int
	Errors        []string // the first of the failed phases, in words
}

type tick struct {
	X            int
	Text, Anchor string
}

// timeRow is an arm and a machine.
type timeRow struct {
	Y, H    int
	Name    string
	Title   string
	NewArm  bool
	Striped bool
}

// timeBar is a phase, or several that are too short to be told apart.
type timeBar struct {
	X, Y, W, H int
	Class      string
	Title      string
	Text       string
	TextX      int
	TextY      int
	Outside    bool // the text is beside the bar
	Failed     bool

	lane, count int
}

type phaseRow struct {
	Arm, Machine, Name, From, Took, Error string
}

// phaseClass is the group that a phase is coloured as.
func phaseClass(name string) string {
	switch name {
	case "check", "settle":
		return "check"
	case "patch", "confirm":
		return "patch"
	case "reboot":
		return "reboot"
	case "take out":
		return "take-out"
	case "take stock":
		return "take-stock"
	case "revert", "prove":
		return "revert"
	}
	return "prepare"
}

func armRank(a lab.Arm) int {
	order := []lab.Arm{
		lab.ArmReady, lab.ArmBaseline, lab.ArmControl, lab.ArmPatched, lab.ArmRerun, lab.ArmBackout, lab.ArmProof, lab.ArmUp,
	}
	if i := slices.Index(order, a); i >= 0 {
		return i
	}
	return len(order)
}

func newTimeline(r *lab.Record) timeline {
	t := timeline{Width: chartWidth, Label: chartLabel}
	if len(r.Phases) == 0 {
		return t
	}
	drawn, undrawn := first(r.Phases, drawnBars)
	t.Undrawn = undrawn
	phases := slices.Clone(drawn)
	slices.SortStableFunc(phases, func(a, b lab.PhaseRecord) int {
		return cmp.Or(armRank(a.Arm)-armRank(b.Arm), cmp.Compare(a.Arm, b.Arm), cmp.Compare(a.Machine, b.Machine), a.Started.Compare(b.Started))
	})
	c := chart{scale: newScale(phases), t: &t}
	for _, p := range phases {
		c.add(p)
	}
	c.place()
	c.axis()
	c.legend()
	t.list(r.Phases, c.scale)
	t.Desc = fmt.Sprintf("%s within %s, %d with an error. The table below the chart lists them.", count(len(r.Phases), "phase"), span(c.scale.seconds), t.Failed)
	return t
}

// list adds the phases as a table.
func (t *timeline) list(phases []lab.PhaseRecord, s scale) {
	for _, p := range phases {
		if p.Error != "" {
			t.Failed++
			if t.Failed <= toldErrors {
				t.Errors = append(t.Errors, line(fmt.Sprintf("%s, %s: %s failed after %s: %s", p.Arm, orNone(p.Machine, "lab"), p.Name, span(p.Seconds), p.Error)))
			}
		}
	}
	t.MoreErrors = t.Failed - len(t.Errors)
	shown, more := first(phases, listPhases)
	t.More = more
	for _, p := range shown {
		t.Phases = append(t.Phases, phaseRow{
			Arm: string(p.Arm), Machine: p.Machine, Name: p.Name, Error: p.Error,
			From: span(s.since(p.Started)), Took: span(p.Seconds),
		})
	}
}

// scale turns times into pixels.
type scale struct {
	from    time.Time
	seconds float64 // of the whole chart, more than 0
}

func newScale(phases []lab.PhaseRecord) scale {
	s := scale{from: phases[0].Started}
	for _, p := range phases {
		if p.Started.Before(s.from) {
			s.from = p.Started
		}
	}
	for _, p := range phases {
		s.seconds = max(s.seconds, s.since(p.Started)+finite(p.Seconds))
	}
	s.seconds = max(s.seconds, 0.1)
	return s
}

func (s scale) since(t time.Time) float64 { return finite(t.Sub(s.from).Seconds()) }

func (s scale) x(seconds float64) int {
	return chartLabel + int(math.Round(seconds/s.seconds*(chartWidth-chartLabel-48)))
}

// step is the distance of the ticks of the axis in seconds.
func (s scale) step() float64 {
	for _, step := range []float64{0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400} {
		if s.seconds/step <= 9 {
			return step
		}
	}
	return s.seconds / 9
}
