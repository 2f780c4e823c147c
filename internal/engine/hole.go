package engine

import (
	"math"

	"shake/internal/rng"
)

// Hole is a rectangle of an augmented image that becomes zero in normalised space: rows Y0 .. Y1-1
// of columns X0 .. X1-1. It lies within the image; it may be empty.
type Hole struct{ Y0, Y1, X0, X1 int }

// Holes returns the holes of one image of h×w pixels, by its position in the global batch, after
// flip and crop.
//
// The first is a square of cutout pixels around a centre that is uniform over the image (cutout,
// DeVries and Taylor 2017): rows cy - cutout/2 on, cut off at the image's edges. Words 0 and 1 of
// counter (iteration, 0, position, Augment chunk 1) are the centre.
//
// The second is there with probability erase (random erasing, Zhong et al. 2017): of A pixels,
// uniform from 2 to 40 % of the image, and r thousandths as high as wide, uniform from 300 to 3333,
// it is floor(sqrt(A*r/1000)) high and floor(sqrt(A*1000/r)) wide, each within 1 and the image's,
// quotients rounded down, at a uniform place. Words 0, 1, 2 of chunk 2 are whether, A and r, words
// 0 and 1 of chunk 3 are row and column.
func Holes(seed uint64, iteration uint32, position, h, w, cutout int, erase float64) [2]Hole {
	var holes [2]Hole
	words := func(chunk uint32) [4]uint32 {
		return rng.Philox(seed, [4]uint32{iteration, 0, uint32(position), rng.Augment.Word(chunk)})
	}
	if cutout > 0 {
		u := words(1)
		y, x := int(rng.Below(u[0], uint32(h)))-cutout/2, int(rng.Below(u[1], uint32(w)))-cutout/2
		holes[0] = Hole{max(y, 0), min(y+cutout, h), max(x, 0), min(x+cutout, w)}
	}
	u := words(2)
	if erase == 0 || rng.Uniform(u[0]) >= erase {
		return holes
	}
	least := (h*w + 49) / 50
	most := max(2*h*w/5, least)
	area, ratio := least+int(rng.Below(u[1], uint32(most-least+1))), 300+int(rng.Below(u[2], 3034))
	high := min(max(root(area*ratio/1000), 1), h)
	wide := min(max(root(area*1000/ratio), 1), w)
	v := words(3)
	y, x := int(rng.Below(v[0], uint32(h-high+1))), int(rng.Below(v[1], uint32(w-wide+1)))
	holes[1] = Hole{y, y + high, x, x + wide}
	return holes
}

// root is the square root of a small integer, rounded down.
func root(n int) int { return int(math.Sqrt(float64(n))) }
