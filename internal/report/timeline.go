package report

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Timeline is a picture of the work of some tracks over time.
type Timeline struct {
	Title  string
	Groups []string // the meanings of colours; those without a bar are left out
	Lanes  []Lane   // from top to bottom

	legend [][]entry // rows
}

// entry is a group in the legend, and its distance from the left.
type entry struct {
	group int
	at    vg.Length
}

// Lane is one track.
type Lane struct {
	Name string
	Bars []Bar
}

// Bar is a piece of work. Times are in milliseconds.
type Bar struct {
	Group      int // of Timeline.Groups
	Start, End float64
}

// Encode draws the picture as "png" or "svg". Equal bars give equal bytes.
func (t Timeline) Encode(format string) ([]byte, error) {
	end, bars := 0.0, 0
	for _, l := range t.Lanes {
		for _, b := range l.Bars {
			end, bars = max(end, b.End), bars+1
		}
	}
	if bars == 0 {
		return nil, fmt.Errorf("report: no work to draw")
	}
	p := plot.New()
	p.Title.Text = t.Title
	p.X.Label.Text = "ms"
	dress(p)
	p.X.Min, p.X.Max = 0, end
	p.X.Tick.Marker = partTicks{}
	var names []plot.Tick
	for i, l := range t.Lanes {
		names = append(names, plot.Tick{Value: t.middle(i), Label: l.Name})
	}
	p.Y.Tick.Marker = plot.ConstantTicks(names)
	p.Y.Tick.Length, p.Y.LineStyle.Width = 0, 0
	t.legend = t.wrapped(p.Legend.TextStyle, widthBeside(p, timelineWidth))
	rows := float64(len(t.legend))
	p.Y.Min, p.Y.Max = 0, float64(len(t.Lanes))+legendLane*rows
	p.Add(t)
	height := vg.Length(1.6+0.55*(float64(len(t.Lanes))+legendLane*(rows-1))) * vg.Inch
	return encode(format, timelineWidth, height, p)
}

const (
	timelineWidth = 14 * vg.Inch
	// legendLane is the height of a row of the legend above the lanes, in lanes.
	legendLane = 0.7
)

// wrapped places the groups with bars in rows of a width.
func (t Timeline) wrapped(style text.Style, width vg.Length) (rows [][]entry) {
	used := t.used()
	at := width // the first begins a row
	for i, name := range t.Groups {
		if !used[i] {
			continue
		}
		long := legendBox + legendSpace + style.Width(name)
		if at+long > width {
			rows, at = append(rows, nil), 0
		}
		last := len(rows) - 1
		rows[last] = append(rows[last], entry{i, at})
		at += long + vg.Points(18)
	}
	return rows
}

// Of an entry of the legend: the width of its colour, and the space up to its name.
const (
	legendBox   = vg.Length(14)
	legendSpace = vg.Length(5)
)

// middle is the y of the middle of a lane.
func (t Timeline) middle(lane int) float64 { return float64(len(t.Lanes)-lane) - .5 }

// used tells which groups have bars.
func (t Timeline) used() map[int]bool {
	used := map[int]bool{}
	for _, l := range t.Lanes {
		for _, b := range l.Bars {
			used[b.Group] = true
		}
	}
	return used
}

// Plot implements plot.Plotter: the bars, and the groups above them.
func (t Timeline) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	box := func(left, right, bottom, top vg.Length, group int) {
		c.FillPolygon(groupColor(group), []vg.Point{{X: left, Y: bottom}, {X: right, Y: bottom}, {X: right, Y: top}, {X: left, Y: top}})
	}
	for i, l := range t.Lanes {
		for _, b := range l.Bars {
			box(x(b.Start), x(b.End), y(t.middle(i)-.4), y(t.middle(i)+.4), b.Group)
		}
	}
	style := p.Legend.TextStyle
	style.XAlign, style.YAlign = text.XLeft, text.YCenter
	for i, row := range t.legend {
		middle := y(float64(len(t.Lanes)) + legendLane*(float64(len(t.legend)-i)-.5))
		for _, e := range row {
			at := c.Min.X + e.at
			box(at, at+legendBox, middle-vg.Points(5), middle+vg.Points(5), e.group)
			c.FillText(style, vg.Point{X: at + legendBox + legendSpace, Y: middle}, t.Groups[e.group])
		}
	}
}

// partTicks labels about eight round numbers.
type partTicks struct{}

// Ticks returns the ticks within lo and hi.
func (partTicks) Ticks(lo, hi float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/8)))
	for i := 0; (hi-lo)/step > 9; i++ {
		step *= []float64{2, 2.5, 2}[i%3] // 1 2 5 10 of a decade
	}
	var ticks []plot.Tick
	for n := math.Ceil(lo / step); n*step <= hi; n++ {
		ticks = append(ticks, plot.Tick{Value: n * step, Label: strconv.FormatFloat(math.Round(n*step*1e6)/1e6, 'f', -1, 64)})
	}
	return ticks
}
