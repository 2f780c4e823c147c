package data

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"shake/internal/engine"
)

// SheetOptions selects the content of a sheet. Zero counts and scale take the value in parentheses.
type SheetOptions struct {
	Names   []string // class names; nil: numbers
	First   int      // first image
	Rows    int      // images (10)
	Columns int      // augmented versions of each (8)
	Scale   int      // pixels on a side for each pixel of the image (3)
	Seed    uint64
	Flip    bool
	Crop    int
	Cutout  int
	Erase   float64
}

const (
	sheetGap   = 6
	sheetLabel = 16 // height of a row's text
)

// Sheet writes a PNG with a row for each image of im and the class above it. On the left is the
// image itself. Beside it are the results of engine.AugmentDraw in iterations 0, 1, ... at the
// row's place in the batch, brought back from normalised space to bytes. The mean colour at an edge
// is the padding.
func Sheet(w io.Writer, im *engine.Images, o SheetOptions) error {
	setDefault := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	setDefault(&o.Rows, 10)
	setDefault(&o.Columns, 8)
	setDefault(&o.Scale, 3)
	if im.C != 3 && im.C != 1 {
		return fmt.Errorf("data: a sheet shows images of 1 or 3 channels, not %d", im.C)
	}
	if o.First < 0 || o.First >= im.N || o.Rows < 0 || o.Columns < 0 || o.Scale < 0 {
		return fmt.Errorf("data: no sheet of %d rows, %d columns, scale %d from image %d of %d", o.Rows, o.Columns, o.Scale, o.First, im.N)
	}
	const limit = 1 << 26 // pixels
	o.Rows, o.Columns, o.Scale = min(o.Rows, im.N-o.First), min(o.Columns, limit), min(o.Scale, limit)
	cw, ch := im.W*o.Scale+sheetGap, im.H*o.Scale+sheetLabel+sheetGap
	width, height := sheetGap+(o.Columns+1)*cw, sheetGap+o.Rows*ch
	if width > limit/height {
		return fmt.Errorf("data: a sheet of %d×%d pixels is too large", width, height)
	}
	sheet := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(sheet, sheet.Bounds(), image.White, image.Point{}, draw.Src)
	values := make([]float64, im.C*im.H*im.W)
	for row := range o.Rows {
		i := o.First + row
		src := im.Pix[i*len(values) : (i+1)*len(values)]
		at := image.Pt(sheetGap, sheetGap+row*ch)
		write(sheet, at.Add(image.Pt(0, sheetLabel-4)), fmt.Sprintf("%d  %s", i, className(o.Names, im.Labels[i])))
		at.Y += sheetLabel
		for column := range o.Columns + 1 {
			a := Augmentation{Crop: o.Crop, DY: o.Crop, DX: o.Crop}
			if column > 0 {
				a.Flip, a.DY, a.DX = engine.AugmentDraw(o.Seed, uint32(column-1), row, o.Crop)
				a.Flip = a.Flip && o.Flip
				a.Holes = engine.Holes(o.Seed, uint32(column-1), row, im.H, im.W, o.Cutout, o.Erase)
			}
			Augment(values, src, im.H, im.W, im.Mean, im.Std, a)
			blit(sheet, at, values, im, o.Scale)
			at.X += cw
		}
	}
	if err := png.Encode(w, sheet); err != nil {
		return fmt.Errorf("data: writing a sheet: %w", err)
	}
	return nil
}

// blit draws one normalised image at a point, enlarged.
func blit(dst *image.RGBA, at image.Point, values []float64, im *engine.Images, scale int) {
	level := func(c, i int) uint8 {
		v := values[c*im.H*im.W+i]*im.Std[c] + im.Mean[c]
		return uint8(min(max(math.Round(v), 0), 255))
	}
	for y := range im.H * scale {
		for x := range im.W * scale {
			i := y/scale*im.W + x/scale
			dst.SetRGBA(at.X+x, at.Y+y, color.RGBA{level(0, i), level(im.C/2, i), level(im.C-1, i), 255})
		}
	}
}

// write draws text with its baseline at a point.
func write(dst draw.Image, at image.Point, text string) {
	d := font.Drawer{Dst: dst, Src: image.Black, Face: basicfont.Face7x13, Dot: fixed.P(at.X, at.Y)}
	d.DrawString(text)
}

func className(names []string, label uint16) string {
	if int(label) < len(names) {
		return names[label]
	}
	return fmt.Sprint(label)
}
