package engine

import "shake/internal/rng"

// Permutation returns the order in which an epoch (from 1) visits n images: a Fisher-Yates shuffle
// whose i-th swap takes word i%4 of counter (epoch, 0, i/4, Shuffle). Any epoch is computed without
// the ones before.
func Permutation(seed uint64, epoch uint32, n int) []int32 {
	p := make([]int32, n)
	for i := range p {
		p[i] = int32(i)
	}
	var words [4]uint32
	have := -1
	for i := n - 1; i > 0; i-- {
		if i/4 != have {
			have = i / 4
			words = rng.Philox(seed, [4]uint32{epoch, 0, uint32(have), uint32(rng.Shuffle)})
		}
		j := rng.Below(words[i%4], uint32(i+1))
		p[i], p[j] = p[j], p[i]
	}
	return p
}

// AugmentDraw returns the augmentation of one image by its position in the global batch: whether it
// is flipped, and the row and column in 0..2*crop at which the crop window starts in the image
// padded by crop pixels on every side. The words of counter (iteration, 0, position, Augment) are
// flip, dy, dx.
//
//	out[y][x] = flipped[y+dy-crop][x+dx-crop], 0 outside
func AugmentDraw(seed uint64, iteration uint32, position, crop int) (flip bool, dy, dx int) {
	u := rng.Philox(seed, [4]uint32{iteration, 0, uint32(position), uint32(rng.Augment)})
	span := uint32(2*crop + 1)
	return rng.Below(u[0], 2) == 1, int(rng.Below(u[1], span)), int(rng.Below(u[2], span))
}
