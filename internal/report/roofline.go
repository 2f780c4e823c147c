package report

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Roofline is a picture of operations by their FLOPs a byte and their FLOP/s, under the roofs that
// arithmetic and memory are (Williams, Waterman and Patterson, 2009).
type Roofline struct {
	Title  string
	Peak   float64 // FLOP/s
	Roofs  []Roof
	Groups []string // the meanings of colours; those without a dot are left out
	Dots   []Dot
}

// Roof is a bandwidth.
type Roof struct {
	Name      string
	BytesPerS float64
}

// Dot is an operation, or some alike.
type Dot struct {
	Label        string  // beside the dot; "": none
	Group        int     // of Roofline.Groups
	FLOPs, Bytes float64 // of a run
	FLOPS        float64 // a second
	Share        float64 // per cent of the whole time: the dot's area
}

// Encode draws the picture as "png" or "svg". Equal dots give equal bytes.
func (r Roofline) Encode(format string) ([]byte, error) {
	if len(r.Dots) == 0 || r.Peak <= 0 {
		return nil, fmt.Errorf("report: no operations under a roof to draw")
	}
	p := plot.New()
	p.Title.Text = r.Title
	p.X.Label.Text, p.Y.Label.Text = "FLOPs a byte of the tensors that an operation reads and writes", "GFLOP/s"
	dress(p)
	p.Add(grid())
	r.scale(p)
	if err := r.addRoofs(p); err != nil {
		return nil, err
	}
	if err := r.addDots(p); err != nil {
		return nil, err
	}
	p.Legend.Top = false
	p.Legend.YOffs = vg.Points(6)
	return encode(format, curvesWidth, 6*vg.Inch, p)
}

// scale chooses the logarithmic axes so that every dot and the ridge are on them.
func (r Roofline) scale(p *plot.Plot) {
	loX, hiX, loY, hiY := math.Inf(1), 0.0, math.Inf(1), r.Peak/1e9
	for _, d := range r.Dots {
		x := d.FLOPs / d.Bytes
		loX, hiX = min(loX, x), max(hiX, x)
		loY, hiY = min(loY, d.FLOPS/1e9), max(hiY, d.FLOPS/1e9)
	}
	for _, f := range r.Roofs {
		hiX = max(hiX, r.Peak/f.BytesPerS)
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = loX/2, hiX*3, loY/2, hiY*2.5
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = decadeTicks{}, decadeTicks{}
}

// addRoofs draws the peak and the slopes below it.
func (r Roofline) addRoofs(p *plot.Plot) error {
	peak := r.Peak / 1e9
	add := func(name string, dashes []vg.Length, xys plotter.XYs) error {
		line, err := plotter.NewLine(xys)
		if err != nil {
			return fmt.Errorf("report: drawing roofs: %w", err)
		}
		line.Color, line.Width, line.Dashes = color.Gray{Y: 0x40}, vg.Points(1.25), dashes
		p.Add(line)
		p.Legend.Add(name, line)
		return nil
	}
	far := p.X.Max
	for i, f := range r.Roofs {
		slope := f.BytesPerS / 1e9
		ridge := peak / slope
		from := max(p.X.Min, p.Y.Min/slope)
		if i == 0 {
			far = ridge
		}
		var dashes []vg.Length
		if i > 0 {
			dashes = []vg.Length{vg.Points(4), vg.Points(3)}
			far = min(far, ridge)
		}
		if err := add(fmt.Sprintf("%s: %.3g GB/s", f.Name, slope), dashes, plotter.XYs{{X: from, Y: slope * from}, {X: ridge, Y: peak}}); err != nil {
			return err
		}
	}
	return add(fmt.Sprintf("multiply-adds: %.3g GFLOP/s", peak), nil, plotter.XYs{{X: max(far, p.X.Min), Y: peak}, {X: p.X.Max, Y: peak}})
}

// addDots draws the dots of each group in its colour, those with labels named.
func (r Roofline) addDots(p *plot.Plot) error {
	of := map[int][]Dot{}
	for _, d := range r.Dots {
		of[d.Group] = append(of[d.Group], d)
	}
	labels := plotter.XYLabels{}
	for i, g := range r.Groups {
		dots := of[i]
		if dots == nil {
			continue
		}
		var xys plotter.XYs
		for _, d := range dots {
			at := plotter.XY{X: d.FLOPs / d.Bytes, Y: d.FLOPS / 1e9}
			xys = append(xys, at)
			if d.Label != "" {
				labels.XYs, labels.Labels = append(labels.XYs, at), append(labels.Labels, d.Label)
			}
		}
		s, err := plotter.NewScatter(xys)
		if err != nil {
			return fmt.Errorf("report: drawing operations: %w", err)
		}
		c := groupColor(i)
		s.GlyphStyle = draw.GlyphStyle{Color: color.NRGBA{c.R, c.G, c.B, 0xb0}, Radius: vg.Points(4), Shape: draw.CircleGlyph{}}
		s.GlyphStyleFunc = func(i int) draw.GlyphStyle {
			style := s.GlyphStyle
			style.Radius = vg.Points(2.5 + 2*math.Sqrt(dots[i].Share))
			return style
		}
		p.Add(s)
		p.Legend.Add(g, s)
	}
	if len(labels.Labels) == 0 {
		return nil
	}
	l, err := plotter.NewLabels(labels)
	if err != nil {
		return fmt.Errorf("report: naming operations: %w", err)
	}
	for i := range l.TextStyle {
		l.TextStyle[i].Font.Variant, l.TextStyle[i].Font.Size = "Sans", 8
		l.TextStyle[i].XAlign, l.TextStyle[i].YAlign = text.XLeft, text.YCenter
	}
	l.Offset = vg.Point{X: vg.Points(11)}
	p.Add(l)
	return nil
}

// groupColor is the colour of the i-th group.
func groupColor(i int) color.RGBA { return overlayColors[(i+1)%len(overlayColors)] }
