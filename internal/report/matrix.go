package report

import (
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Matrix is a picture of correlations as the paper's Figures 3 and 4 draw them: panels side by
// side, in each a coloured cell with its figure for every row and column.
type Matrix struct{ Panels []Cells }

// Cells are one panel. Values are rows of correlations, from -1 to 1; NaN leaves a cell blank.
type Cells struct {
	Title         string
	Rows, Columns []string
	Label         string // of the columns
	Values        [][]float64
}

// Encode draws the picture as "png" or "svg". Equal matrices give equal bytes.
func (m Matrix) Encode(format string) ([]byte, error) {
	if len(m.Panels) == 0 || len(m.Panels) > panelsAcross {
		return nil, fmt.Errorf("report: %d matrices, want 1 to %d", len(m.Panels), panelsAcross)
	}
	var plots []*plot.Plot
	columns, rows := 0, 0
	for _, c := range m.Panels {
		plots = append(plots, c.plot())
		columns, rows = max(columns, len(c.Columns)), max(rows, len(c.Rows))
	}
	width := vg.Length(len(plots)) * (vg.Length(columns)*cellWidth + 1.6*vg.Inch)
	return encode(format, max(width, 4*vg.Inch), vg.Length(rows)*cellHeight+1.2*vg.Inch, plots...)
}

const (
	cellWidth  = 0.55 * vg.Inch
	cellHeight = 0.3 * vg.Inch
)

func (c Cells) plot() *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.Title, c.Label, "block"
	dress(p)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, float64(len(c.Columns)), 0, float64(len(c.Rows))
	p.X.LineStyle.Width, p.Y.LineStyle.Width = 0, 0
	p.X.Tick.LineStyle.Width, p.Y.Tick.LineStyle.Width = 0, 0
	p.X.Padding, p.Y.Padding = 0, 0
	var xs, ys []plot.Tick
	for i, s := range c.Columns {
		xs = append(xs, plot.Tick{Value: float64(i) + 0.5, Label: s})
	}
	for i, s := range c.Rows {
		ys = append(ys, plot.Tick{Value: float64(len(c.Rows)-i) - 0.5, Label: s})
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks(xs), plot.ConstantTicks(ys)
	p.Add(c)
	return p
}

// Plot implements plot.Plotter.
func (c Cells) Plot(canvas draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&canvas)
	style := p.X.Tick.Label
	style.Font = font.Font{Typeface: style.Font.Typeface, Variant: "Sans", Size: 10}
	style.XAlign, style.YAlign = text.XCenter, text.YCenter
	for i, row := range c.Values {
		bottom := float64(len(c.Rows) - i - 1)
		for j, v := range row {
			left := float64(j)
			corners := []vg.Point{{X: x(left), Y: y(bottom)}, {X: x(left + 1), Y: y(bottom)}, {X: x(left + 1), Y: y(bottom + 1)}, {X: x(left), Y: y(bottom + 1)}}
			fill := color.Color(color.White)
			if !math.IsNaN(v) {
				fill = shade(v)
			}
			canvas.FillPolygon(fill, corners)
			canvas.StrokeLines(draw.LineStyle{Color: color.White, Width: vg.Points(1)}, append(corners, corners[0]))
			if math.IsNaN(v) {
				continue
			}
			if style.Color = color.Color(color.Black); math.Abs(v) > 0.6 {
				style.Color = color.White
			}
			canvas.FillText(style, vg.Point{X: x(left + 0.5), Y: y(bottom + 0.5)}, Fixed(v, 2))
		}
	}
}

// Fixed is v with so many decimals, and no sign where all of them are 0.
func Fixed(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

// shade goes from white at 0 to blue at 1 and to orange-red at -1: apart for the colour-blind.
func shade(v float64) color.Color {
	full := trainColor
	if v < 0 {
		full = testColor
	}
	part := min(math.Abs(v), 1)
	mix := func(c uint8) uint8 { return uint8(math.Round(255 - (255-float64(c))*part)) }
	return color.RGBA{mix(full.R), mix(full.G), mix(full.B), 0xff}
}
