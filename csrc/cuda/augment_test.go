package cuda

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"shake/internal/engine"
)

func TestAugment(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	const images = 6
	mean, std := []float64{125.3, 123.0, 113.9, 90}, []float64{63.0, 62.1, 66.7, 50}
	for _, c := range []struct {
		AugmentSpec
		n int
	}{
		{AugmentSpec{Type: BF16, C: 3, H: 32, W: 32, Pitch: 8, Train: true, Flip: true, Crop: 4}, 5},
		{AugmentSpec{Type: F32, C: 3, H: 5, W: 7, Pitch: 8, Train: true, Crop: 9}, 9},
		{AugmentSpec{Type: F16, C: 4, H: 9, W: 4, Pitch: 4, Train: true, Flip: true}, 2},
		{AugmentSpec{Type: BF16, C: 3, H: 32, W: 32, Pitch: 8, Train: true, Flip: true, Crop: 4, Cutout: 16}, 12},
		{AugmentSpec{Type: F32, C: 3, H: 17, W: 20, Pitch: 8, Train: true, Cutout: 5, Erase: 0.6}, 20},
		{AugmentSpec{Type: F16, C: 1, H: 1, W: 2, Pitch: 1, Train: true, Erase: 1}, 9},
		{AugmentSpec{Type: F32, C: 3, H: 9, W: 11, Pitch: 8, Train: true, Flip: true, Crop: 3, Cutout: 5, Erase: 0.5, Mixed: true}, 7},
		{AugmentSpec{Type: BF16, C: 3, H: 8, W: 8, Pitch: 8, Mixed: true}, 3},
		{AugmentSpec{Type: F32, C: 3, H: 9, W: 8, Pitch: 8, Cutout: 5, Erase: 1}, 3},
		{AugmentSpec{Type: F16, C: 1, H: 3, W: 3, Pitch: 1}, 1},
		{AugmentSpec{Type: F32, C: 3, H: 32, W: 32, Pitch: 8, Flip: true, Crop: 4}, 2},
	} {
		pix, index := &memory{typ: F32}, []int{}
		for range images * c.C * c.H * c.W {
			pix.data = append(pix.data, byte(r.IntN(256)))
		}
		for range c.n {
			index = append(index, r.IntN(images))
		}
		const weight = 0.375
		s := Step{Seed: 99, Iteration: 12, Base: 3}
		position := func(i int) int { return int(s.Base) + i }
		if c.Mixed { // the partners come from anywhere in the global batch
			for range c.n {
				index = append(index, r.IntN(images))
			}
			for range c.n {
				index = append(index, r.IntN(50))
			}
			index = append(index, int(math.Float32bits(weight)))
		}
		y := newMemory(c.Type, make([]float64, c.n*c.H*c.W*c.Pitch))
		for i := range y.len() {
			y.set(i, math.NaN())
		}
		table := AugmentTable(mean[:c.C], std[:c.C])
		values := make([]float64, len(table))
		for i, v := range table {
			values[i] = float64(v)
		}
		run(t, c.AugmentSpec, c.n, map[string]any{"step": s.memory(), "table": floats(values...), "pix": pix, "index": ints(index...), "y": y, "n": c.n})
		// The channels of one image of the set, augmented as that position of the batch.
		augmented := func(image, at int) func(p, ch int) float64 {
			flip, dy, dx := false, c.Crop, c.Crop
			var holes [2]engine.Hole
			if c.Train {
				flip, dy, dx = engine.AugmentDraw(s.Seed, s.Iteration, at, c.Crop)
				holes = engine.Holes(s.Seed, s.Iteration, at, c.H, c.W, c.Cutout, c.Erase)
			}
			return func(p, ch int) float64 {
				h, w := p/c.W+dy-c.Crop, p%c.W+dx-c.Crop
				hole := slices.ContainsFunc(holes[:], func(k engine.Hole) bool {
					return p/c.W >= k.Y0 && p/c.W < k.Y1 && p%c.W >= k.X0 && p%c.W < k.X1
				})
				if h < 0 || h >= c.H || w < 0 || w >= c.W || ch >= c.C || hole {
					return 0
				}
				if flip && c.Flip {
					w = c.W - 1 - w
				}
				b := pix.data[((image*c.C+ch)*c.H+h)*c.W+w]
				return float64(float32((float64(b) - mean[ch]) / std[ch]))
			}
		}
		for i := range c.n {
			value, other := augmented(index[i], position(i)), func(p, ch int) float64 { return 0 }
			if c.Mixed {
				other = augmented(index[c.n+i], index[2*c.n+i])
			}
			for p := range c.H * c.W {
				for ch := range c.Pitch {
					want := rounded(c.Type, value(p, ch))
					have := y.at((i*c.H*c.W+p)*c.Pitch + ch)
					if c.Mixed {
						want = weight*value(p, ch) + (1-weight)*other(p, ch)
					}
					if have != want && !(c.Mixed && near(c.Type, have, want, 1e-6)) {
						t.Fatalf("%+v: image %d, pixel %d, channel %d: want %v, have %v", c.AugmentSpec, i, p, ch, want, have)
					}
				}
			}
		}
	}
}
