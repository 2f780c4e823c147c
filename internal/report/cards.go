package report

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// CardCourse is the use of one card over a run. An unknown value is NaN and leaves a gap.
type CardCourse struct {
	Name            string    // "card 0"
	Seconds         []float64 // since the beginning; rising
	Memory          []float64 // bytes in use, as many as Seconds
	PeakMemory      float64   // of single samples; Memory may be means of them
	MemoryTotal     float64   // bytes
	Utilization     []float64 // per cent
	MeanUtilization float64
}

// CardCurves is the picture of the cards of a run: memory on the left, utilisation on the right.
type CardCurves struct {
	Title string
	Cards []CardCourse
}

// cardColors stay apart for the colour-blind; after the last they begin again with other dashes.
var cardColors = []color.Color{
	trainColor, testColor, color.RGBA{R: 0x00, G: 0x9e, B: 0x73, A: 0xff}, color.RGBA{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff},
}

const gib = 1 << 30

// Encode draws the picture as "png" or "svg". Equal courses give equal bytes.
func (c CardCurves) Encode(format string) ([]byte, error) {
	end := 0.0
	for _, k := range c.Cards {
		for _, s := range k.Seconds {
			end = max(end, s)
		}
	}
	if end == 0 {
		return nil, fmt.Errorf("report: no course of a card to draw")
	}
	left, err := c.panel(c.Title, "memory in use, GiB", end, func(k CardCourse) ([]float64, float64, string) {
		if math.IsNaN(k.PeakMemory) {
			return k.Memory, 1. / gib, k.Name + "  not known"
		}
		label := fmt.Sprintf("%s  peak %.1f", k.Name, k.PeakMemory/gib)
		if k.MemoryTotal > 0 {
			label += fmt.Sprintf(" of %.1f", k.MemoryTotal/gib)
		}
		return k.Memory, 1. / gib, label
	})
	if err != nil {
		return nil, err
	}
	right, err := c.panel("", "utilisation, %", end, func(k CardCourse) ([]float64, float64, string) {
		if math.IsNaN(k.MeanUtilization) {
			return k.Utilization, 1, k.Name + "  not known"
		}
		return k.Utilization, 1, fmt.Sprintf("%s  mean %.0f%%", k.Name, k.MeanUtilization)
	})
	if err != nil {
		return nil, err
	}
	right.Y.Max = 100 * c.headroom()
	right.Y.Tick.Marker = plot.ConstantTicks([]plot.Tick{{Value: 0, Label: "0"}, {Value: 25, Label: "25"}, {Value: 50, Label: "50"}, {Value: 75, Label: "75"}, {Value: 100, Label: "100"}})
	return encodeRow(format, left, right)
}

// panel is one of the two plots. of gives a card's values, their scale factor, and the card's line
// in the legend.
func (c CardCurves) panel(title, label string, end float64, of func(CardCourse) (values []float64, scale float64, name string)) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = title
	unit, seconds := timeUnit(end)
	p.X.Label.Text, p.Y.Label.Text = unit, label
	dress(p)
	p.Add(grid())
	top := 0.0
	for i, k := range c.Cards {
		values, scale, name := of(k)
		runs := stretches(k.Seconds, values, 1/seconds, scale)
		if runs == nil {
			p.Legend.Add(name)
		}
		for _, xys := range runs {
			line, err := plotter.NewLine(xys)
			if err != nil {
				return nil, fmt.Errorf("report: drawing cards: %w", err)
			}
			line.Color, line.Width = cardColors[i%len(cardColors)], vg.Points(1.5)
			if n := i / len(cardColors); n > 0 {
				line.Dashes = []vg.Length{vg.Points(6), vg.Points(2 * float64(n))}
			}
			p.Add(line)
			if &xys[0] == &runs[0][0] {
				p.Legend.Add(name, line)
			}
			for _, q := range xys {
				top = max(top, q.Y)
			}
		}
	}
	p.X.Min, p.X.Max = 0, end/seconds
	p.X.Tick.Marker = wholeTicks{}
	p.Y.Min, p.Y.Max = 0, max(c.headroom()*top, 1e-3)
	return p, nil
}

// headroom is the ratio of a plot's height to its values, so that the legend stands above them.
func (c CardCurves) headroom() float64 { return 1 / (1 - .05 - .065*float64(min(len(c.Cards), 8))) }

// stretches cuts a course at its unknown values.
func stretches(x, y []float64, sx, sy float64) []plotter.XYs {
	var out []plotter.XYs
	var run plotter.XYs
	for i := range x {
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

// grid is the quiet grid of every plot.
func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Width, g.Horizontal.Width = vg.Points(.5), vg.Points(.5)
	g.Vertical.Color, g.Horizontal.Color = gridColor, gridColor
	return g
}

// encodeRow draws plots beside each other.
func encodeRow(format string, plots ...*plot.Plot) ([]byte, error) {
	return encode(format, curvesWidth, curvesHeight, plots...)
}

// encode draws plots beside each other on a canvas of the given size.
func encode(format string, width, height vg.Length, plots ...*plot.Plot) ([]byte, error) {
	canvas, err := draw.NewFormattedCanvas(width, height, format)
	if err != nil {
		return nil, fmt.Errorf("report: drawing curves: %w", err)
	}
	tiles := draw.Tiles{Rows: 1, Cols: len(plots), PadX: vg.Points(24), PadTop: vg.Points(8), PadBottom: vg.Points(8), PadLeft: vg.Points(8), PadRight: vg.Points(16)}
	for j, dc := range plot.Align([][]*plot.Plot{plots}, tiles, draw.New(canvas))[0] {
		plots[j].Draw(dc)
	}
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("report: encoding curves: %w", err)
	}
	return b.Bytes(), nil
}

// CardUse is a run's use of one card, as a line of the summary says it; nil is unknown.
type CardUse struct {
	Card                    int
	Name                    string
	MemoryTotal, PeakMemory *int64   // bytes
	Utilization             *float64 // per cent
	EnergyKWh               *float64
	Lost                    bool
}

// String is "NVIDIA H100: peak 41.2 of 80.0 GiB, 83% busy, 1.24 kWh".
func (u CardUse) String() string {
	s := u.Name
	if s == "" {
		s = "card " + strconv.Itoa(u.Card)
	}
	sep := ": "
	add := func(format string, args ...any) {
		s += sep + fmt.Sprintf(format, args...)
		sep = ", "
	}
	if u.PeakMemory != nil {
		add("peak %.1f", float64(*u.PeakMemory)/gib)
		if u.MemoryTotal != nil {
			s += fmt.Sprintf(" of %.1f", float64(*u.MemoryTotal)/gib)
		}
		s += " GiB"
	}
	if u.Utilization != nil {
		add("%.0f%% busy", *u.Utilization)
	}
	if u.EnergyKWh != nil {
		add("%s kWh", strconv.FormatFloat(*u.EnergyKWh, 'g', 3, 64))
	}
	if u.Lost {
		add("lost")
	}
	return s
}
