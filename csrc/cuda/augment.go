package cuda

import (
	"fmt"
	"math"
)

// AugmentSpec makes a batch from the bytes of a data set: normalised and, with Train, flipped and
// cropped by the draws of engine.AugmentDraw, with the holes of engine.Holes; with Mixed every
// image is mixed with a partner. Y has Pitch channels, zeros from C on.
//
//	augment(step, table, pix, index, y, n)
type AugmentSpec struct {
	Type        Type
	C, H, W     int
	Pitch       int
	Train, Flip bool
	Crop        int // width of the zeros around the image
	Cutout      int // side of a hole
	Erase       float64
	Mixed       bool // the argument "index" has the partners and the weight too: IndexWords
}

// IndexWords is the length of the argument "index" of n images.
func IndexWords(n int, mixed bool) int {
	if mixed {
		return 3*n + 1
	}
	return n
}

// AugmentTable is the normalised value of every byte of every channel, float[C][256]: the argument
// "table".
func AugmentTable(mean, std []float64) []float32 {
	out := make([]float32, 0, 256*len(mean))
	for c := range mean {
		for v := range 256 {
			out = append(out, float32((float64(v)-mean[c])/std[c]))
		}
	}
	return out
}

// Kernel specialises augment.cu; its launches are for n images.
func (s AugmentSpec) Kernel() (*Kernel, error) {
	b := newBuilder("augment")
	b.want(s.Type >= F32 && s.Type <= BF16, "Type", "F32, F16 or BF16", s.Type)
	b.want(s.C >= 1 && s.C <= s.Pitch, "C", "1 or more, within the pitch", fmt.Sprintf("%d of %d", s.C, s.Pitch))
	b.want(s.H >= 1 && s.W >= 1, "H, W", "at least 1", fmt.Sprintf("%dx%d", s.H, s.W))
	b.want(s.Crop >= 0 && s.Crop < 1<<16, "Crop", "0 to 65535", s.Crop)
	b.want(s.Cutout >= 0 && s.Cutout < 1<<15, "Cutout", "0 to 32767", s.Cutout)
	b.want(s.Erase >= 0 && s.Erase <= 1, "Erase", "a probability", s.Erase)
	b.want(s.H*s.W <= 1<<16 || s.Cutout == 0 && s.Erase == 0, "H, W", "at most 65536 pixels with holes", fmt.Sprintf("%dx%d", s.H, s.W))
	if b.err != nil {
		return nil, b.err
	}
	crop := 0
	if s.Train {
		crop = s.Crop
	}
	b.ints("TYPE", int(s.Type), "C", s.C, "H", s.H, "W", s.W, "PITCH", s.Pitch, "V", vector(s.Type, Slice{C: s.Pitch, Pitch: s.Pitch}), "CROP", crop, "CUTOUT", s.Cutout, "ERASE", int(math.Ceil(s.Erase*(1<<24))), "THREADS", maxThreads)
	b.bool("TRAIN", s.Train)
	b.bool("FLIP", s.Flip)
	b.bool("MIXED", s.Mixed)
	b.bool("HOLES", s.Train && (s.Cutout > 0 || s.Erase > 0))
	b.include("types", "philox", "augment")
	b.add("step", "table", "pix", "index", "y", "n:i")
	parts := (s.H*s.W + maxThreads - 1) / maxThreads
	return b.done(Kernel{threads: maxThreads, grid: func(n int) [3]uint32 { return [3]uint32{uint32(n), uint32(parts), 1} }})
}
