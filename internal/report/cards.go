package report

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

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

// CardCurves is the picture of the cards of a run: memory on the left, utilisation in the middle,
// and a legend beside both.
type CardCurves struct {
	Title string
	Cards []CardCourse
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
	left, err := c.panel(c.Title, "memory in use, GiB", end, func(k CardCourse) ([]float64, float64) { return k.Memory, 1. / gib })
	if err != nil {
		return nil, err
	}
	right, err := c.panel("", "utilisation, %", end, func(k CardCourse) ([]float64, float64) { return k.Utilization, 1 })
	if err != nil {
		return nil, err
	}
	right.Y.Max = 102
	right.Y.Tick.Marker = plot.ConstantTicks([]plot.Tick{{Value: 0, Label: "0"}, {Value: 25, Label: "25"}, {Value: 50, Label: "50"}, {Value: 75, Label: "75"}, {Value: 100, Label: "100"}})
	return encodeBeside(format, cardsWidth, curvesHeight, c.legend(), left, right)
}

// cardsWidth is the width of the picture with its legend.
const cardsWidth = curvesWidth + legendWidth

// panel is one of the two plots; of gives a card's values and their scale factor.
func (c CardCurves) panel(title, label string, end float64, of func(CardCourse) (values []float64, scale float64)) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = title
	unit, seconds := timeUnit(end)
	p.X.Label.Text, p.Y.Label.Text = unit, label
	dress(p)
	p.Add(grid())
	top := 0.0
	for i, k := range c.Cards {
		values, scale := of(k)
		for _, xys := range stretches(k.Seconds, values, 1/seconds, scale) {
			line, err := plotter.NewLine(xys)
			if err != nil {
				return nil, fmt.Errorf("report: drawing cards: %w", err)
			}
			line.LineStyle = cardLine(i)
			p.Add(line)
			for _, q := range xys {
				top = max(top, q.Y)
			}
		}
	}
	p.X.Min, p.X.Max = 0, end/seconds
	p.X.Tick.Marker = wholeTicks{}
	p.Y.Min, p.Y.Max = 0, max(1.05*top, 1e-3)
	return p, nil
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

// legend gives each card's line, its peak and its mean.
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
	}
	return l
}

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

// legendWidth is the width of a legend beside plots.
const legendWidth = 3.9 * vg.Inch

// encodeBeside draws plots beside each other, and a legend at the right of them.
func encodeBeside(format string, width, height vg.Length, legend plot.Legend, plots ...*plot.Plot) ([]byte, error) {
	canvas, err := draw.NewFormattedCanvas(width, height, format)
	if err != nil {
		return nil, fmt.Errorf("report: drawing curves: %w", err)
	}
	whole := draw.New(canvas)
	row(draw.Crop(whole, 0, -legendWidth, 0, 0), plots)
	legend.Draw(draw.Crop(whole, width-legendWidth, -vg.Points(8), 0, 0))
	return encoded(canvas)
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
	row(draw.New(canvas), plots)
	return encoded(canvas)
}

// row draws plots beside each other on a canvas.
func row(canvas draw.Canvas, plots []*plot.Plot) {
	tiles := draw.Tiles{Rows: 1, Cols: len(plots), PadX: vg.Points(24), PadTop: vg.Points(8), PadBottom: vg.Points(8), PadLeft: vg.Points(8), PadRight: vg.Points(16)}
	for j, dc := range plot.Align([][]*plot.Plot{plots}, tiles, canvas)[0] {
		plots[j].Draw(dc)
	}
}

// encoded is a canvas as bytes.
func encoded(canvas vg.CanvasWriterTo) ([]byte, error) {
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
	MaxTemperature          *float64 // degrees Celsius
	Slowed                  *float64 // per cent of the time with clocks held back by power or heat
	SlowedBy                []string // the reasons
	PCIe, NVLink            *float64 // bytes a second, both ways together
	Lost                    bool
}

// String is "NVIDIA H100: peak 41.2 of 80.0 GiB, 83% busy, 1.24 kWh, at most 71 C, slowed for 12%
// of the time by power cap, PCIe 1.2 GB/s". The last three are left out where they are zero or
// unknown.
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
	if u.MaxTemperature != nil {
		add("at most %.0f C", *u.MaxTemperature)
	}
	if u.Slowed != nil && *u.Slowed > 0 {
		add("slowed for %.0f%% of the time by %s", max(*u.Slowed, 1), strings.Join(u.SlowedBy, " and "))
	}
	for _, f := range []struct {
		name string
		rate *float64
	}{{"PCIe", u.PCIe}, {"NVLink", u.NVLink}} {
		if f.rate != nil && *f.rate > 0 {
			add("%s %s/s", f.name, Rate(*f.rate))
		}
	}
	if u.Lost {
		add("lost")
	}
	return s
}

// Rate writes bytes in powers of 1000 with three digits: "1.24 GB".
func Rate(bytes float64) string {
	unit := 0
	for bytes >= 999.5 && unit < 4 {
		bytes, unit = bytes/1000, unit+1
	}
	return strconv.FormatFloat(bytes, 'g', 3, 64) + " " + []string{"B", "kB", "MB", "GB", "TB"}[unit]
}
