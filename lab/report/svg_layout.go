package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// Measures of the picture, in pixels.
const (
	boxWidth  = 214
	gutter    = 36 // beside each column of boxes: for wires
	boxPad    = 12
	lineStep  = 17
	barHeight = 46
	dropSpace = 26 // below a bar and between rows
	columns   = 4
	leastWide = 560
)

// layout places machines below the first network that they are on. A wire to
// that network goes up; wires to further ones go down in the gutter beside
// the box, where every machine has a lane of its own.
type layout struct {
	at    map[string]int // networks by name
	bars  []netBar
	homes [][]drawn // by network; the last: machines on none that is drawn
	wide  int       // columns in use
	t     topology
	tops  []int // where each bar is
	lanes []int // how many lanes of each gutter are taken
	down  []descent
}

type drawn struct {
	m     lab.MachineRecord
	lines []boxLine
	class string
	nets  []int // networks it is on, as drawn, sorted
}

// descent is a wire that goes down to networks further below.
type descent struct {
	x, y int // where it leaves its box
	lane int // x of its lane
	nets []int
}

func (l *layout) networksOf(m lab.MachineRecord) (out []int) {
	for _, n := range m.NICs {
		if i, known := l.at[n.Network]; known && !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	slices.Sort(out)
	return out
}

func (l *layout) draw() topology {
	l.wide = 1
	for _, home := range l.homes {
		l.wide = max(l.wide, min(columns, len(home)))
	}
	l.t.Width = max(leastWide, l.wide*(boxWidth+gutter)+gutter)
	l.lanes = make([]int, l.wide)
	y := 1
	for i, home := range l.homes {
		hasBar := i < len(l.bars)
		if !hasBar && len(home) == 0 {
			continue
		}
		if hasBar {
			l.bar(i, y)
			y += barHeight
		}
		y = l.rows(home, y, hasBar)
	}
	for _, d := range l.down {
		l.descend(d)
	}
	l.t.Height = y - dropSpace + 2
	return l.t
}

// bar places the i-th network.
func (l *layout) bar(i, y int) {
	b := l.bars[i]
	b.X, b.Y, b.W, b.H = 1, y, l.t.Width-2, barHeight
	room := b.W - 2*boxPad
	if b.Status != "" {
		width := min(textWidth(b.Status, 12, boldText), room/2)
		b.Status = fit(b.Status, width+2, 12, boldText)
		b.StatusX = b.W - boxPad
		room -= width + boxPad
	}
	b.Name, b.About = fit(b.Name, room, 14, boldText), fit(b.About, room, 12, plainText)
	l.tops = append(l.tops, y)
	l.t.Bars = append(l.t.Bars, b)
}

// rows places the machines of one network from y on, and returns where they
// end.
func (l *layout) rows(home []drawn, y int, wired bool) int {
	barEnd := y
	for row := range slices.Chunk(home, l.wide) {
		y += dropSpace
		height := 0
		for _, d := range row {
			height = max(height, boxPad+8+lineStep*len(d.lines))
		}
		for col, d := range row {
			x := gutter + col*(boxWidth+gutter)
			l.box(d, x, y, height)
			switch {
			case !wired:
			case y == barEnd+dropSpace:
				l.wire(x+boxWidth/2, barEnd, fmt.Sprintf("V%d", y))
			default: // past the rows above, in the gutter
				l.wire(x-8, barEnd, fmt.Sprintf("V%d H%d", y+height/2, x))
			}
			if len(d.nets) > 1 {
				lane := x + boxWidth + 6 + 5*(l.lanes[col]%4)
				l.lanes[col]++
				l.down = append(l.down, descent{x: x + boxWidth, y: y + height/2, lane: lane, nets: d.nets[1:]})
			}
		}
		y += height
	}
	return y + dropSpace
}

// wire draws a wire that begins at a bar.
func (l *layout) wire(x, y int, path string) {
	l.t.Wires = append(l.t.Wires, wire{fmt.Sprintf("M%d %d %s", x, y, path)})
	l.t.Dots = append(l.t.Dots, dot{x, y})
}

// descend draws a wire that ends at bars further below. Bars are drawn over
// wires: where it passes one without a dot, it is not connected.
func (l *layout) descend(d descent) {
	last := l.tops[d.nets[len(d.nets)-1]]
	l.t.Wires = append(l.t.Wires, wire{fmt.Sprintf("M%d %d H%d V%d", d.x, d.y, d.lane, last)})
	for _, n := range d.nets {
		l.t.Dots = append(l.t.Dots, dot{d.lane, l.tops[n]})
	}
}

func (l *layout) box(d drawn, x, y, height int) {
	b := machineBox{X: x, Y: y, W: boxWidth, H: height, Inner: boxWidth - boxPad, Class: d.class}
	var title []string
	for i, line := range d.lines {
		title = append(title, line.Text)
		line.Y = boxPad + 8 + lineStep*i
		em, style := lineFont(line.Class)
		line.Text = fit(line.Text, boxWidth-2*boxPad, em, style)
		b.Lines = append(b.Lines, line)
	}
	b.Title = lab.Printable(strings.Join(title, "; "), mostLine)
	l.t.Boxes = append(l.t.Boxes, b)
}

// lineFont is the font of a line, as the style sheet has it.
func lineFont(class string) (em float64, style textStyle) {
	switch class {
	case "name":
		return 14, boldText
	case "address":
		return 11.5, monoText
	case "os":
		return 12, plainText
	}
	return 12, boldText
}
