package report

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// CardCourse is the readings of one card over a run. An unknown value is NaN and leaves a gap.
type CardCourse struct {
	Name    string    // "card 0"
	Seconds []float64 // since the beginning; rising
	// As many as Seconds, or none.
	Memory      []float64 // bytes in use
	Utilization []float64 // per cent
	Power       []float64 // W
	Temperature []float64 // degrees Celsius

	PeakMemory      float64 // of single samples; Memory may be means of them
	MemoryTotal     float64 // bytes; 0 is unknown
	MeanUtilization float64
	MeanPower       float64
	MaxTemperature  float64 // of single samples
}

// CardCurves is the picture of the cards of a run: memory and utilisation, below them power and
// temperature, and a legend beside all four. A panel without a value of any card is left out.
type CardCurves struct {
	Title string
	Cards []CardCourse
}

const gib = 1 << 30

// quantity is the subject of a panel.
type quantity struct {
	label string
	of    func(CardCourse) []float64
	scale float64 // of the values, to the unit of the label
	top   float64 // of the axis; 0: a little above the highest value
	ticks plot.Ticker
}

var quarters = plot.ConstantTicks([]plot.Tick{{Value: 0, Label: "0"}, {Value: 25, Label: "25"}, {Value: 50, Label: "50"}, {Value: 75, Label: "75"}, {Value: 100, Label: "100"}})

var quantities = []quantity{
	{"memory in use, GiB", func(k CardCourse) []float64 { return k.Memory }, 1. / gib, 0, plot.DefaultTicks{}},
	{"utilisation, %", func(k CardCourse) []float64 { return k.Utilization }, 1, 102, quarters},
	{"power, W", func(k CardCourse) []float64 { return k.Power }, 1, 0, partTicks{}},
	{"temperature, °C", func(k CardCourse) []float64 { return k.Temperature }, 1, 0, partTicks{}},
}

// Encode draws the picture as "png" or "svg". Equal courses give equal bytes.
func (c CardCurves) Encode(format string) ([]byte, error) {
	end := 0.0
	for _, k := range c.Cards {
		for _, s := range k.Seconds {
			end = max(end, s)
		}
	}
	rows := c.panels(end)
	if end == 0 || rows == nil {
		return nil, fmt.Errorf("report: no course of a card to draw")
	}
	return encodeBeside(format, cardsWidth, curvesHeight+cardsRow*vg.Length(len(rows)-1), c.legend(), rows)
}

const (
	cardsWidth = curvesWidth + legendWidth
	cardsRow   = 3.4 * vg.Inch // the height of a row below the first
)

// panels are the plots with a value, two in a row.
func (c CardCurves) panels(end float64) (rows [][]*plot.Plot) {
	n := 0
	for _, q := range quantities {
		p := c.panel(q, end)
		if p == nil {
			continue
		}
		if n == 0 {
			p.Title.Text = c.Title
		}
		if n%2 == 0 {
			rows = append(rows, make([]*plot.Plot, 2))
		}
		rows[n/2][n%2] = p
		n++
	}
	return rows
}

// panel is a plot of one quantity; nil if no card has a value.
func (c CardCurves) panel(q quantity, end float64) *plot.Plot {
	p := plot.New()
	unit, seconds := timeUnit(end)
	p.X.Label.Text, p.Y.Label.Text = unit, q.label
	dress(p)
	p.Add(grid())
	var lines [][]plotter.XYs
	top, empty := 0.0, true
	for _, k := range c.Cards {
		line := stretches(k.Seconds, q.of(k), 1/seconds, q.scale)
		lines = append(lines, line)
		for _, xys := range line {
			for _, at := range xys {
				top, empty = max(top, at.Y), false
			}
		}
	}
	if empty {
		return nil
	}
	p.X.Min, p.X.Max = 0, end/seconds
	p.X.Tick.Marker = wholeTicks{}
	p.Y.Min, p.Y.Max = 0, max(1.05*top, 1e-3)
	if q.top > 0 {
		p.Y.Max = q.top
	}
	p.Y.Tick.Marker = q.ticks
	for i, line := range lines {
		for _, xys := range line {
			p.Add(&plotter.Line{XYs: xys, LineStyle: cardLine(i)})
		}
	}
	for _, s := range turns(lines, p.X.Max, p.Y.Max) {
		p.Add(&plotter.Line{XYs: s.xys, LineStyle: cardLine(s.card)})
	}
	return p
}

// cardLine is the line of the i-th card. Colours stay apart for the colour-blind; after the last
// they begin again with dashes.
func cardLine(i int) draw.LineStyle {
	s := draw.LineStyle{Color: groupColor(i), Width: vg.Points(1.5)}
	if n := i / len(overlayColors); n > 0 {
		s.Dashes = []vg.Length{vg.Points(6), vg.Points(2 * float64(n))}
	}
	return s
}

// legend gives each card's line, its peaks and its means.
func (c CardCurves) legend() plot.Legend {
	p := plot.New()
	dress(p)
	l := p.Legend
	l.Left, l.XOffs, l.YOffs = true, 0, vg.Points(-24)
	for i, k := range c.Cards {
		memory, mean := "memory not known", "use not known"
		if !math.IsNaN(k.PeakMemory) {
			memory = fmt.Sprintf("peak %.1f", k.PeakMemory/gib)
			if k.MemoryTotal > 0 {
				memory += fmt.Sprintf(" of %.1f GiB", k.MemoryTotal/gib)
			}
		}
		if !math.IsNaN(k.MeanUtilization) {
			mean = fmt.Sprintf("mean %.0f%%", k.MeanUtilization)
		}
		l.Add(k.Name+"  "+memory+", "+mean, &plotter.Line{LineStyle: cardLine(i)})
		if more := k.heat(); more != "" {
			l.Add(more)
		}
	}
	return l
}

// heat is a second line of a card in the legend: "mean 412 W, at most 71 °C", without
// the unknown.
func (k CardCourse) heat() string {
	var parts []string
	if !math.IsNaN(k.MeanPower) {
		parts = append(parts, fmt.Sprintf("mean %.0f W", k.MeanPower))
	}
	if !math.IsNaN(k.MaxTemperature) {
		parts = append(parts, fmt.Sprintf("at most %.0f °C", k.MaxTemperature))
	}
	return strings.Join(parts, ", ")
}

// stretches cuts a course at its unknown values. No y at all are unknown ones.
func stretches(x, y []float64, sx, sy float64) []plotter.XYs {
	var out []plotter.XYs
	var run plotter.XYs
	for i := range x[:min(len(x), len(y))] {
		if math.IsNaN(y[i]) || math.IsInf(y[i], 0) {
			if run != nil {
				out = append(out, run)
			}
			run = nil
			continue
		}
		run = append(run, plotter.XY{X: x[i] * sx, Y: y[i] * sy})
	}
	if run != nil {
		out = append(out, run)
	}
	return out
}

// timeUnit is the unit in which a time axis of so many seconds reads best.
func timeUnit(end float64) (name string, seconds float64) {
	switch {
	case end < 180:
		return "seconds", 1
	case end < 3*3600:
		return "minutes", 60
	case end < 72*3600:
		return "hours", 3600
	}
	return "days", 86400
}
