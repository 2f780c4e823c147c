package data

import "shake/internal/engine"

// Augmentation is the effect of a draw on one image; engine.AugmentDraw and engine.Holes make it.
// The zero value only normalises.
type Augmentation struct {
	Flip   bool
	DY, DX int // row and column of the window's corner in the padded image: 0..2*Crop
	Crop   int // zeros on every side
	Holes  [2]engine.Hole
}

// Augment computes, in this order (Gastaldi 2017, section 2; the authors' code):
//
//	n[c][y][x]   = (src[c][y][x] - mean[c]) / std[c]            normalise
//	f[c][y][x]   = n[c][y][w-1-x] if a.Flip, else n[c][y][x]    flip
//	p[c][y][x]   = f[c][y-a.Crop][x-a.Crop], 0 outside          pad with zeros in normalised space
//	dst[c][y][x] = p[c][y+a.DY][x+a.DX], 0 within a hole         crop, cutout and random erasing
//
// src and dst are C×h×w, mean and std of length C. The padding is the mean colour, not black. The
// arithmetic is float64, rounded once to F. dst is overwritten; src must not share its memory.
func Augment[F float32 | float64](dst []F, src []byte, h, w int, mean, std []float64, a Augmentation) {
	for c := range mean {
		in, out := src[c*h*w:(c+1)*h*w], dst[c*h*w:(c+1)*h*w]
		for y := range h {
			for x := range w {
				fy, fx := y+a.DY-a.Crop, x+a.DX-a.Crop
				if fy < 0 || fy >= h || fx < 0 || fx >= w || within(a.Holes[0], y, x) || within(a.Holes[1], y, x) {
					out[y*w+x] = 0
					continue
				}
				if a.Flip {
					fx = w - 1 - fx
				}
				out[y*w+x] = F((float64(in[fy*w+fx]) - mean[c]) / std[c])
			}
		}
	}
}

func within(h engine.Hole, y, x int) bool { return y >= h.Y0 && y < h.Y1 && x >= h.X0 && x < h.X1 }
