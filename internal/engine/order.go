package engine

import (
	"slices"

	"shake/internal/rng"
)

// Permutation returns the order in which an epoch (from 1) visits n images: a Fisher-Yates shuffle
// whose i-th swap takes word i%4 of counter (epoch, 0, i/4, Shuffle). Any epoch is computed without
// the ones before.
func Permutation(seed uint64, epoch uint32, n int) []int32 {
	p := make([]int32, n)
	shuffle(p, func(chunk uint32) [4]uint32 {
		return rng.Philox(seed, [4]uint32{epoch, 0, chunk, uint32(rng.Shuffle)})
	})
	return p
}

// shuffle makes p a random order of 0 .. len(p)-1; words gives the words of swaps 4*chunk on.
func shuffle(p []int32, words func(chunk uint32) [4]uint32) {
	for i := range p {
		p[i] = int32(i)
	}
	var w [4]uint32
	have := -1
	for i := len(p) - 1; i > 0; i-- {
		if i/4 != have {
			have = i / 4
			w = words(uint32(have))
		}
		j := rng.Below(w[i%4], uint32(i+1))
		p[i], p[j] = p[j], p[i]
	}
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

// Split draws k of n training images, which are kept out of training: the first k of a shuffle
// whose i-th swap takes word i%4 of counter (0, 0, i/4, Split). Both parts are in rising order.
func Split(seed uint64, n, k int) (train, validation []int32) {
	p := make([]int32, n)
	shuffle(p, func(chunk uint32) [4]uint32 {
		return rng.Philox(seed, [4]uint32{0, 0, chunk, uint32(rng.Split)})
	})
	slices.Sort(p[:k])
	slices.Sort(p[k:])
	return p[k:], p[:k]
}
