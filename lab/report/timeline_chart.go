package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// chart places rows and bars.
type chart struct {
	scale scale
	t     *timeline
	rows  []chartRow
}

type chartRow struct {
	arm     lab.Arm
	machine string
	bars    []timeBar
}

// add puts p as a bar into its row. Phases come row by row, and within a row
// by their start.
func (c *chart) add(p lab.PhaseRecord) {
	if n := len(c.rows); n == 0 || c.rows[n-1].arm != p.Arm || c.rows[n-1].machine != p.Machine {
		c.rows = append(c.rows, chartRow{arm: p.Arm, machine: p.Machine})
	}
	row := &c.rows[len(c.rows)-1]
	start := c.scale.since(p.Started)
	b := timeBar{
		X: c.scale.x(start), H: barSize, Class: phaseClass(p.Name), Failed: p.Error != "", Text: p.Name, count: 1,
		Title: fmt.Sprintf("%s, %s: %s from %s on", orNone(p.Machine, "whole lab"), p.Name, span(p.Seconds), span(start)),
	}
	if b.Failed {
		b.Title += "; failed: " + p.Error
	}
	b.W = max(2, c.scale.x(start+finite(p.Seconds))-b.X)
	if n := len(row.bars); n > 0 && row.bars[n-1].merge(b) {
		return
	}
	row.bars = append(row.bars, b)
}

// merge takes next into b where both are too short to be told apart.
func (b *timeBar) merge(next timeBar) bool {
	short := b.W <= 3 || b.count > 1
	if !short || next.W > 3 || next.Class != b.Class || next.Failed != b.Failed || next.X > b.X+b.W {
		return false
	}
	b.W = max(b.W, next.X+next.W-b.X)
	b.count++
	b.Text = fmt.Sprintf("%d × %s", b.count, strings.ReplaceAll(next.Class, "-", " "))
	b.Title = lab.Printable(b.Title+"; "+next.Title, mostLine)
	return true
}

// place gives rows and bars their heights.
func (c *chart) place() {
	rows, more := first(c.rows, drawnRows)
	c.t.MoreRows = more
	y := 4
	var before lab.Arm
	for i, row := range rows {
		lanes := spread(row.bars)
		name := fmt.Sprintf("%s, %s", row.arm, orNone(row.machine, "lab"))
		r := timeRow{
			Y: y, H: lanes*laneStep + 4, Title: name, NewArm: i > 0 && row.arm != before, Striped: i%2 == 1,
			Name: fit(name, chartLabel-12, 12, plainText),
		}
		before = row.arm
		for _, b := range row.bars {
			b.Y = y + 4 + b.lane*laneStep
			b.TextY = b.Y + 13
			c.t.Bars = append(c.t.Bars, b)
		}
		c.t.Rows = append(c.t.Rows, r)
		y += r.H
	}
	c.t.Bottom = y + 2
	c.t.TickY, c.t.LegendY, c.t.LegendTextY = y+17, y+29, y+39
	c.t.Height = y + axisSpace
}

// spread gives bars that overlap lanes of their own, and their texts room. It
// returns how many lanes there are.
func spread(bars []timeBar) int {
	var ends [mostLanes]int
	var last [mostLanes]*timeBar
	lanes := 1
	for i := range bars {
		b := &bars[i]
		for b.lane = 0; b.lane < mostLanes-1 && ends[b.lane] > b.X+b.over(last[b.lane]); b.lane++ {
		}
		if before := last[b.lane]; before != nil {
			before.label(b.X)
		}
		ends[b.lane], last[b.lane] = max(ends[b.lane], b.X+b.W), b
		lanes = max(lanes, b.lane+1)
	}
	for _, b := range last {
		if b != nil {
			b.label(chartWidth)
		}
	}
	return lanes
}

// over is how far b may lie over the bar before it. What failed stays whole.
func (b *timeBar) over(before *timeBar) int {
	if b.Failed || before != nil && before.Failed {
		return 0
	}
	return overlap
}

// label puts the bar's text into it, or beside it where there is room until
// next, or takes it away. What failed has a sign, and keeps at least that.
func (b *timeBar) label(next int) {
	if b.Failed {
		b.Text = "✗ " + b.Text
	}
	width := textWidth(b.Text, 11, plainText)
	switch {
	case width+8 <= b.W:
		b.TextX = b.X + 5
	case b.X+b.W+5+width <= next:
		b.TextX, b.Outside = b.X+b.W+4, true
	case b.Failed && b.X+b.W+14 <= next:
		b.Text, b.TextX, b.Outside = "✗", b.X+b.W+2, true
	default:
		b.Text = ""
	}
}

func (c *chart) axis() {
	step := c.scale.step()
	for at := 0.0; at <= c.scale.seconds && len(c.t.Ticks) < 16; at += step {
		c.t.Ticks = append(c.t.Ticks, tick{c.scale.x(at), tickText(at, step), anchor(c.scale.x(at))})
	}
}

// anchor keeps the text of the last tick inside the chart.
func anchor(x int) string {
	if x > chartWidth-30 {
		return "end"
	}
	return "middle"
}

func tickText(at, step float64) string {
	switch s := int(math.Round(at)); {
	case at == 0:
		return "0"
	case step < 1:
		return fmt.Sprintf("%.1f s", at)
	case step < 60 && s < 120:
		return fmt.Sprintf("%d s", s)
	case step < 3600 && s%60 == 0:
		return fmt.Sprintf("%d min", s/60)
	case step < 3600:
		return fmt.Sprintf("%d:%02d min", s/60, s%60)
	default:
		return fmt.Sprintf("%d:%02d h", s/3600, s/60%60)
	}
}

// legendItem says what a colour stands for.
type legendItem struct {
	X, TextX    int
	Class, Text string
}

// legend lists the classes in use, in the order of a run.
func (c *chart) legend() {
	x := chartLabel
	for _, item := range []legendItem{
		{Class: "prepare", Text: "boot, set up, fork"},
		{Class: "check", Text: "check"},
		{Class: "patch", Text: "patch"},
		{Class: "reboot", Text: "reboot"},
		{Class: "take-stock", Text: "take stock"},
		{Class: "take-out", Text: "take out"},
		{Class: "revert", Text: "revert, prove"},
	} {
		if !slices.ContainsFunc(c.t.Bars, func(b timeBar) bool { return b.Class == item.Class }) {
			continue
		}
		item.X, item.TextX = x, x+17
		c.t.Legend = append(c.t.Legend, item)
		x += 36 + textWidth(item.Text, 12, plainText)
	}
}
