package report

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// Confusion is the picture of a network's guesses for the images of each class: a row a label, a
// column a class that it says, darker the larger the share of the row.
type Confusion struct {
	Title  string
	Names  []string // of the classes; nil: numbers
	Counts [][]int  // [label][class]
}

// The layout of a confusion matrix, in pixels. Cells have their count written in them up to
// largeCells classes.
const (
	largeCells               = 20
	largeCell, smallCell     = 40, 8
	letterWidth, lineHeight  = 7, 13
	confusionMargin          = 12
	mistakeRed, correctGreen = 0xc0, 0x60
)

// WritePNG draws the matrix. Equal counts give equal bytes. It refuses a matrix that is not square,
// or is too large for a picture.
func (c Confusion) WritePNG(w io.Writer) error {
	n := len(c.Counts)
	if n < 1 || n > 2000 {
		return fmt.Errorf("report: a confusion matrix of %d classes: want 1 to 2000", n)
	}
	cell := smallCell
	if n <= largeCells {
		cell = largeCell
	}
	label := func(i int) string {
		if i < len(c.Names) {
			return c.Names[i]
		}
		return fmt.Sprint(i)
	}
	named := cell >= lineHeight // rows are high enough for their names
	left := confusionMargin
	for i := 0; named && i < n; i++ {
		left = max(left, 2*confusionMargin+letterWidth*len(label(i)))
	}
	top := 2*confusionMargin + 2*lineHeight
	img := image.NewRGBA(image.Rect(0, 0, max(left+n*cell+confusionMargin, 2*confusionMargin+letterWidth*len(c.Title)), top+n*cell+confusionMargin))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	letters(img, confusionMargin, confusionMargin+lineHeight, c.Title, color.Black)
	for i, row := range c.Counts {
		if len(row) != n {
			return fmt.Errorf("report: row %d of a confusion matrix of %d classes has %d", i, n, len(row))
		}
		if named {
			letters(img, confusionMargin, top+i*cell+(cell+lineHeight)/2-2, label(i), color.Black)
			letters(img, left+i*cell+(cell-letterWidth*len(fmt.Sprint(i)))/2, top-4, fmt.Sprint(i), color.Black)
		}
		total := 0
		for _, k := range row {
			total += k
		}
		for j, k := range row {
			at := image.Rect(left+j*cell, top+i*cell, left+(j+1)*cell-1, top+(i+1)*cell-1)
			share := float64(k) / float64(max(total, 1))
			draw.Draw(img, at, image.NewUniform(cellShade(share, i == j)), image.Point{}, draw.Src)
			if s := fmt.Sprint(k); named && k > 0 && letterWidth*len(s) <= cell {
				ink := color.Black
				if share > 0.5 {
					ink = color.White
				}
				letters(img, at.Min.X+(cell-letterWidth*len(s))/2, at.Min.Y+(cell+lineHeight)/2-3, s, ink)
			}
		}
	}
	if err := png.Encode(w, img); err != nil {
		return fmt.Errorf("report: writing a confusion matrix: %w", err)
	}
	return nil
}

// cellShade is light grey for nothing, and darker green or red the larger the share. Small shares
// are raised, so that rare mistakes show.
func cellShade(share float64, correct bool) color.Color {
	if share == 0 {
		return color.RGBA{R: 0xf4, G: 0xf4, B: 0xf4, A: 0xff}
	}
	fade := func(to float64) uint8 { return uint8(0xe8 + (to-0xe8)*(0.15+0.85*share)) }
	if correct {
		return color.RGBA{R: fade(0), G: fade(correctGreen), B: fade(0x20), A: 0xff}
	}
	return color.RGBA{R: fade(mistakeRed), G: fade(0), B: fade(0), A: 0xff}
}

// letters writes with its baseline at a point.
func letters(dst draw.Image, x, y int, s string, ink color.Color) {
	d := font.Drawer{Dst: dst, Src: image.NewUniform(ink), Face: basicfont.Face7x13, Dot: fixed.P(x, y)}
	d.DrawString(s)
}
