package engine

import (
	"math"

	"shake/internal/graph"
	"shake/internal/rng"
)

// Dropper makes the draws of one dropout on one image.
type Dropper struct {
	Scale     float64 // 1/(1-rate), by which kept numbers are multiplied
	threshold uint32
	seed      uint64
	counter   [4]uint32
	chunks    int
	chunk     int // whose words are at hand; -1: none
	words     [4]uint32
}

// Kept returns the draws of a dropout for one image of the global batch. Number (pixel, c) of its
// map, pixels counted by rows, is kept where u >= rate, u being the uniform of word c%4 of counter
// (iteration, Index, position, Dropout) in chunk pixel*ceil(C/4) + c/4.
func Kept(seed uint64, iteration uint32, position int, o *graph.Dropout) Dropper {
	return Dropper{Scale: 1 / (1 - o.Rate), threshold: DropThreshold(o.Rate), seed: seed,
		counter: [4]uint32{iteration, uint32(o.Index), uint32(position)}, chunks: (o.X.C + 3) / 4, chunk: -1}
}

// DropThreshold is the number t for which a word w is kept where w>>8 >= t, that is where its
// uniform is at least rate.
func DropThreshold(rate float64) uint32 { return uint32(math.Ceil(rate * (1 << 24))) }

// Factor is the factor of the number at that pixel and channel: 0 or Scale.
func (d *Dropper) Factor(pixel, c int) float64 {
	if chunk := pixel*d.chunks + c/4; chunk != d.chunk {
		d.chunk = chunk
		d.counter[3] = rng.Dropout.Word(uint32(chunk))
		d.words = rng.Philox(d.seed, d.counter)
	}
	if d.words[c%4]>>8 >= d.threshold {
		return d.Scale
	}
	return 0
}
