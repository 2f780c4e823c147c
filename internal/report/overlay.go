package report

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Overlay is a picture of several experiments: panels side by side, in each the training curves
// dark and the test curves light, as in the paper's Figures 2, 5 and 6.
type Overlay struct {
	Panels []Panel
	LR     bool // a thin line of the learning rate, its highest value at the top
}

// Panel is one plot of an overlay.
type Panel struct {
	Title   string
	Courses []Course
}

// Course is one experiment: the curves of its runs. Its lines are the means over the runs with a
// figure for the epoch. The band around a line is the spread from least to most.
type Course struct {
	Name string
	Runs [][]Point
	LR   []float64 // after each epoch, from the first
}

// overlayColors stay apart for the colour-blind (Okabe and Ito); after the last they begin again
// with dashes.
var overlayColors = []color.RGBA{
	{0x00, 0x00, 0x00, 0xff}, {0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff},
	{0xcc, 0x79, 0xa7, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0x8a, 0x6d, 0x3b, 0xff},
}

// panelsAcross is the largest number of panels of a picture.
const panelsAcross = 4

// manyPoints is the number of epochs from which lines are thin.
const manyPoints = 300

// Encode draws the picture as "png" or "svg". Equal figures give equal bytes.
func (o Overlay) Encode(format string) ([]byte, error) {
	if len(o.Panels) == 0 {
		return nil, fmt.Errorf("report: no curves to draw")
	}
	if len(o.Panels) > panelsAcross {
		return nil, fmt.Errorf("report: %d panels, want at most %d", len(o.Panels), panelsAcross)
	}
	var plots []*plot.Plot
	for _, p := range o.Panels {
		plots = append(plots, o.panel(p))
	}
	return encode(format, max(curvesWidth, vg.Length(len(plots))*5*vg.Inch), 6*vg.Inch, plots...)
}

// spread is a curve with its spread over the runs.
type spread struct {
	mean, low, high plotter.XYs
	runs            int // the largest number of runs at any point
}

// spreadOf gathers a figure of all runs, epoch by epoch.
func spreadOf(runs [][]Point, of func(Point) float64) (s spread) {
	at := map[float64][]float64{}
	var epochs []float64
	for _, run := range runs {
		for _, q := range run {
			v := of(q)
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			if at[q.Epoch] == nil {
				epochs = append(epochs, q.Epoch)
			}
			at[q.Epoch] = append(at[q.Epoch], v)
		}
	}
	slices.Sort(epochs)
	for _, e := range epochs {
		mean, _ := MeanDeviation(at[e])
		low, high := math.Inf(1), math.Inf(-1)
		for _, v := range at[e] {
			low, high = min(low, v), max(high, v)
		}
		s.runs = max(s.runs, len(at[e]))
		s.mean = append(s.mean, plotter.XY{X: e, Y: mean})
		s.low = append(s.low, plotter.XY{X: e, Y: low})
		s.high = append(s.high, plotter.XY{X: e, Y: high})
	}
	return s
}

func (o Overlay) panel(panel Panel) *plot.Plot {
	p := plot.New()
	p.Title.Text = panel.Title
	p.X.Label.Text, p.Y.Label.Text = "epoch", errorLabel+" (dark: training, light: test)"
	dress(p)
	type curve struct {
		spread
		color color.RGBA
		dash  []vg.Length
	}
	var curves []curve
	var ranges []plotter.XYs
	for i, c := range panel.Courses {
		dark := overlayColors[i%len(overlayColors)]
		var dash []vg.Length
		if i >= len(overlayColors) {
			dash = []vg.Length{vg.Points(5), vg.Points(2)}
		}
		test := spreadOf(c.Runs, func(q Point) float64 { return q.TestError })
		train := spreadOf(c.Runs, func(q Point) float64 { return q.TrainError })
		curves = append(curves, curve{test, lighter(dark), dash}, curve{train, dark, dash})
		ranges = append(ranges, test.low, test.high, train.low, train.high)
	}
	scaleY(p, ranges...)
	p.Y.Max = min(p.Y.Max, 100)
	p.Add(grid())
	for i, c := range curves {
		if len(c.mean) == 0 {
			continue
		}
		line := c.draw(p, c.color, c.dash)
		// Once for each course: its training curve, or else its test curve.
		if i%2 == 1 || len(curves[i+1].mean) == 0 {
			p.Legend.Add(panel.Courses[i/2].Name, line)
		}
	}
	if o.LR {
		o.drawLR(p, panel)
	}
	p.X.Min = 0
	p.X.Max = max(p.X.Max, 1)
	p.X.Tick.Marker = wholeTicks{}
	placeLegend(p, ranges...)
	return p
}

// draw adds the band and the line of the mean.
func (s spread) draw(p *plot.Plot, c color.RGBA, dash []vg.Length) *plotter.Line {
	floor := func(xys plotter.XYs) plotter.XYs { // a logarithmic axis has no place for 0
		out := make(plotter.XYs, len(xys))
		for i, q := range xys {
			out[i] = plotter.XY{X: q.X, Y: min(max(q.Y, p.Y.Min), p.Y.Max)}
		}
		return out
	}
	if s.runs > 1 && len(s.low) > 1 {
		outline := floor(s.low)
		high := floor(s.high)
		for i := len(high) - 1; i >= 0; i-- {
			outline = append(outline, high[i])
		}
		band := &plotter.Polygon{XYs: []plotter.XYs{outline}, Color: color.NRGBA{c.R, c.G, c.B, 0x30}}
		p.Add(band)
	}
	width := vg.Points(1.3)
	if len(s.mean) > manyPoints {
		width = vg.Points(0.7)
	}
	line := &plotter.Line{XYs: floor(s.mean), LineStyle: draw.LineStyle{Color: c, Width: width, Dashes: dash}}
	p.Add(line)
	if len(line.XYs) <= glyphsUpTo {
		p.Add(&plotter.Scatter{XYs: line.XYs, GlyphStyle: draw.GlyphStyle{Color: c, Radius: vg.Points(2), Shape: draw.CircleGlyph{}}})
	}
	return line
}

// drawLR draws the learning rate of the panel's first course that has one, its highest value at the
// top of the axis.
func (o Overlay) drawLR(p *plot.Plot, panel Panel) {
	for _, c := range panel.Courses {
		top := 0.0
		for _, lr := range c.LR {
			top = max(top, lr)
		}
		if top == 0 {
			continue
		}
		var xys plotter.XYs
		for i, lr := range c.LR {
			y := p.Y.Min + (p.Y.Max-p.Y.Min)*lr/top
			if _, log := p.Y.Scale.(plot.LogScale); log {
				y = p.Y.Min * math.Pow(p.Y.Max/p.Y.Min, lr/top)
			}
			xys = append(xys, plotter.XY{X: float64(i + 1), Y: y})
		}
		line := &plotter.Line{XYs: xys, LineStyle: draw.LineStyle{Color: color.Gray{Y: 0x80}, Width: vg.Points(0.6)}}
		p.Add(line)
		p.Legend.Add(fmt.Sprintf("learning rate, %.3g at the top", top), line)
		return
	}
}

// lighter is c, three fifths of the way to white.
func lighter(c color.RGBA) color.RGBA {
	light := func(v uint8) uint8 { return uint8(0xff - (0xff-int(v))*2/5) }
	return color.RGBA{light(c.R), light(c.G), light(c.B), 0xff}
}
