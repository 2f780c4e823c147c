package report

import (
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Point is the metrics of one epoch. Errors are in per cent; an unknown value is NaN and leaves a
// gap.
type Point struct {
	Epoch                 float64 // epochs done; a run that stopped within one ends at a fraction
	TrainError, TestError float64
	TrainLoss, TestLoss   float64
	ValError, ValLoss     float64 // of images kept out of training
}

// Curves is the picture of a run: training, test and validation error on the left, loss on the
// right.
type Curves struct {
	Title  string
	Points []Point
}

// Colours that stay apart for the colour-blind and in grey: orange-red for test, blue for training,
// bluish green for validation.
var (
	testColor  = color.RGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}
	trainColor = color.RGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}
	valColor   = color.RGBA{R: 0x00, G: 0x9e, B: 0x73, A: 0xff}
	gridColor  = color.Gray{Y: 0xd8}
)

const (
	curvesWidth  = 10 * vg.Inch
	curvesHeight = 4 * vg.Inch
	// logFrom is the ratio of largest to smallest value from which an axis is logarithmic. The
	// start of a long run then does not flatten its end.
	logFrom    = 10
	errorLabel = "error, %" // an axis that ends at 100
	// glyphsUpTo is the number of points up to which each is marked.
	glyphsUpTo = 30
)

// Encode draws the picture as "png" or "svg". Equal points give equal bytes.
func (c Curves) Encode(format string) ([]byte, error) {
	if len(c.Points) == 0 {
		return nil, fmt.Errorf("report: no points to draw")
	}
	left, err := c.panel(c.Title, errorLabel, "%.2f%%", func(p Point) [3]float64 { return [3]float64{p.TrainError, p.TestError, p.ValError} })
	if err != nil {
		return nil, err
	}
	right, err := c.panel("", "cross-entropy", "%.4f", func(p Point) [3]float64 { return [3]float64{p.TrainLoss, p.TestLoss, p.ValLoss} })
	if err != nil {
		return nil, err
	}
	return encodeRow(format, left, right)
}

// panel is one of the two plots; of gives a point's training, test and validation value, and verb
// prints the last of them in the legend.
func (c Curves) panel(title, label, verb string, of func(Point) [3]float64) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text, p.Y.Label.Text = "epoch", label
	dress(p)
	var xys [3]plotter.XYs
	for _, q := range c.Points {
		for i, y := range of(q) {
			xys[i] = appendFinite(xys[i], q.Epoch, y)
		}
	}
	scaleY(p, xys[:]...)
	if label == errorLabel {
		p.Y.Max = min(p.Y.Max, 100)
	}
	p.Add(grid())
	for _, s := range []struct {
		name  string
		xys   plotter.XYs
		color color.Color
		shape draw.GlyphDrawer
	}{{"training", xys[0], trainColor, draw.BoxGlyph{}}, {"test", xys[1], testColor, draw.CircleGlyph{}}, {"validation", xys[2], valColor, draw.TriangleGlyph{}}} {
		if len(s.xys) == 0 {
			continue
		}
		last := s.xys[len(s.xys)-1].Y
		for i := range s.xys { // a logarithmic axis has no place for 0
			s.xys[i].Y = max(s.xys[i].Y, p.Y.Min)
		}
		line, points, err := plotter.NewLinePoints(s.xys)
		if err != nil {
			return nil, fmt.Errorf("report: drawing curves: %w", err)
		}
		line.Color, line.Width = s.color, vg.Points(1.5)
		points.Color, points.Shape, points.Radius = s.color, s.shape, vg.Points(2.5)
		p.Add(line)
		thumbs := []plot.Thumbnailer{line}
		if len(s.xys) <= glyphsUpTo {
			p.Add(points)
			thumbs = append(thumbs, points)
		}
		p.Legend.Add(s.name+"  "+fmt.Sprintf(verb, last), thumbs...)
	}
	p.X.Min = 0
	p.X.Max = max(p.X.Max, 1)
	p.X.Tick.Marker = wholeTicks{}
	placeLegend(p, xys[:]...)
	return p, nil
}

func appendFinite(xys plotter.XYs, x, y float64) plotter.XYs {
	if math.IsNaN(y) || math.IsInf(y, 0) {
		return xys
	}
	return append(xys, plotter.XY{X: x, Y: y})
}

// scaleY chooses the range of the y axis, from 0 on if it is linear, and whether it is logarithmic.
func scaleY(p *plot.Plot, curves ...plotter.XYs) {
	lo, hi := math.Inf(1), 0.0
	for _, xys := range curves {
		for _, q := range xys {
			hi = max(hi, q.Y)
			if q.Y > 0 {
				lo = min(lo, q.Y)
			}
		}
	}
	if hi == 0 {
		p.Y.Min, p.Y.Max = 0, 1
		return
	}
	if hi/lo < logFrom {
		p.Y.Min, p.Y.Max = 0, 1.25*hi
		return
	}
	p.Y.Min, p.Y.Max = lo/1.15, hi*1.15
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = decadeTicks{}
}

// decadeTicks labels 1, 2 and 5 of every decade.
type decadeTicks struct{}

// Ticks returns the ticks within lo and hi.
func (decadeTicks) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
		for m := 1.0; m < 10; m++ {
			v := m * math.Pow(10, e)
			if v < lo || v > hi {
				continue
			}
			t := plot.Tick{Value: v}
			if m == 1 || m == 2 || m == 5 {
				t.Label = strconv.FormatFloat(v, 'g', 6, 64)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// wholeTicks labels about six round, whole numbers.
type wholeTicks struct{}

// Ticks returns the ticks within lo and hi.
func (wholeTicks) Ticks(lo, hi float64) []plot.Tick {
	step := 1.0
	for i := 0; (hi-lo)/step > 7; i++ {
		step *= []float64{2, 2.5, 2}[i%3] // 1 2 5 10 20 50 ...
	}
	var ticks []plot.Tick
	for v := math.Ceil(lo/step) * step; v <= hi; v += step {
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
	}
	return ticks
}

// dress sets fonts, sizes and the place of the legend.
func dress(p *plot.Plot) {
	sans := func(f *font.Font, size vg.Length) { f.Variant, f.Size = "Sans", size }
	sans(&p.Title.TextStyle.Font, 13)
	p.Title.Padding = vg.Points(6)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		sans(&a.Label.TextStyle.Font, 11)
		sans(&a.Tick.Label.Font, 10)
		a.Label.Padding = vg.Points(4)
	}
	sans(&p.Legend.TextStyle.Font, 11)
	p.Legend.Top = true
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(-8), vg.Points(-6)
	p.Legend.Padding = vg.Points(3)
	p.Legend.ThumbnailWidth = vg.Points(24)
}

// placeLegend moves the legend from the top to the bottom where curves cross its place there and
// leave it free here, as those of a run that has hardly learnt anything.
func placeLegend(p *plot.Plot, curves ...plotter.XYs) {
	low, high := 1.0, 0.0
	for _, xys := range curves {
		for i, q := range xys {
			if i == len(xys)-1 || q.X > (p.X.Min+p.X.Max)/2 {
				at := p.Y.Norm(min(max(q.Y, p.Y.Min), p.Y.Max))
				low, high = min(low, at), max(high, at)
			}
		}
	}
	if high > 0.75 && low > 0.25 {
		p.Legend.Top = false
		p.Legend.YOffs = vg.Points(6)
	}
}
