package report

import (
	"bytes"
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// grid is the quiet grid of every plot.
func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Width, g.Horizontal.Width = vg.Points(.5), vg.Points(.5)
	g.Vertical.Color, g.Horizontal.Color = gridColor, gridColor
	return g
}

// legendWidth is the width of a legend beside plots.
const legendWidth = 3.9 * vg.Inch

// encodeBeside draws rows of plots, and a legend at the right of them.
func encodeBeside(format string, width, height vg.Length, legend plot.Legend, rows [][]*plot.Plot) ([]byte, error) {
	canvas, err := draw.NewFormattedCanvas(width, height, format)
	if err != nil {
		return nil, fmt.Errorf("report: drawing curves: %w", err)
	}
	whole := draw.New(canvas)
	drawRows(draw.Crop(whole, 0, -legendWidth, 0, 0), rows)
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
	drawRows(draw.New(canvas), [][]*plot.Plot{plots})
	return encoded(canvas)
}

// margins are the free edges of a picture, and the space between its plots.
var margins = draw.Tiles{PadX: vg.Points(24), PadY: vg.Points(16), PadTop: vg.Points(8), PadBottom: vg.Points(8), PadLeft: vg.Points(8), PadRight: vg.Points(16)}

// widthBeside is the width of a plot's data beside its axis, where the plot is alone on a canvas of
// a width.
func widthBeside(p *plot.Plot, width vg.Length) vg.Length {
	alone := draw.Canvas{Rectangle: vg.Rectangle{Max: vg.Point{X: width - margins.PadLeft - margins.PadRight, Y: width}}}
	return p.DataCanvas(alone).Size().X
}

// drawRows draws rows of equally many plots. A nil leaves its place empty.
func drawRows(canvas draw.Canvas, rows [][]*plot.Plot) {
	tiles := margins
	tiles.Rows, tiles.Cols = len(rows), len(rows[0])
	for i, places := range plot.Align(rows, tiles, canvas) {
		for j, place := range places {
			if rows[i][j] != nil {
				rows[i][j].Draw(place)
			}
		}
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
