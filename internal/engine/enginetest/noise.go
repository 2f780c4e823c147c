package enginetest

import (
	"math/rand/v2"

	"shake/internal/engine"
)

// Noise makes n images of random bytes with random labels, always the same ones.
func Noise(n, classes int) *engine.Images {
	r := rand.New(rand.NewPCG(1, 2))
	im := &engine.Images{N: n, C: 3, H: 32, W: 32, Classes: classes, Mean: []float64{120, 125, 110}, Std: []float64{60, 65, 70}}
	im.Pix, im.Labels = make([]byte, n*3*32*32), make([]uint16, n)
	for i := range im.Pix {
		im.Pix[i] = byte(r.UintN(256))
	}
	for i := range im.Labels {
		im.Labels[i] = uint16(r.IntN(classes))
	}
	return im
}
