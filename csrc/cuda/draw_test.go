package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
)

// TestDraws holds every mode, level and number of branches to engine.Draw, to the bit.
func TestDraws(t *testing.T) {
	modes := []dsl.Mode{dsl.Even, dsl.Shaken, dsl.Keep, dsl.M1, dsl.M2, dsl.M3, dsl.M4, dsl.M5}
	type combination struct {
		branches          int
		forward, backward dsl.Mode
		level             dsl.Level
		lo, hi            float64
		replicas          int
	}
	var all []combination
	for _, backward := range modes {
		all = append(all, combination{2, dsl.Shaken, backward, dsl.Image, 0, 1, 2})
	}
	all = append(all,
		combination{2, dsl.Even, dsl.M2, dsl.Image, 0, 1, 1},
		combination{2, dsl.Shaken, dsl.Keep, dsl.Batch, 0.3, 0.7, 3},
		combination{2, dsl.Even, dsl.Shaken, dsl.Batch, 0.35, 0.65, 1},
		combination{1, dsl.Shaken, dsl.Shaken, dsl.Image, 0, 1, 2},
		combination{3, dsl.Shaken, dsl.Keep, dsl.Image, 0, 1, 2},
		combination{6, dsl.Shaken, dsl.Shaken, dsl.Batch, 0, 1, 3},
		combination{8, dsl.Even, dsl.Shaken, dsl.Image, 0, 1, 1},
		combination{64, dsl.Shaken, dsl.Even, dsl.Image, 0, 1, 1})
	const n, base, first = 37, 1000, 5
	for _, c := range all {
		name := fmt.Sprintf("%d branches, %v-%v-%v, replicas %d", c.branches, c.forward, c.backward, c.level, c.replicas)
		const seed, iteration, block = 0x123456789abcdef1, 77, 11
		s := DrawSpec{Replicas: c.replicas, Draw: Draw{Branches: c.branches, Forward: Mode(c.forward), Backward: Mode(c.backward), Level: Level(c.level), Low: c.lo, High: c.hi}}
		alpha, beta := newMemory(F32, make([]float64, c.branches*n)), newMemory(F32, make([]float64, c.branches*n))
		args := map[string]any{"step": Step{Seed: seed, Iteration: iteration}.memory(), "block": block, "alpha": alpha, "beta": beta, "n": n}
		run(t, s, n, args)
		b := graph.Block{Branches: c.branches, Shake: dsl.Shake{Forward: c.forward, Backward: c.backward, Level: c.level, Range: [2]float64{c.lo, c.hi}}}
		want := func(n, replicas int) (a, b2 [][]float64) {
			for range c.branches {
				a, b2 = append(a, make([]float64, n)), append(b2, make([]float64, n))
			}
			engine.Draw(seed, iteration, block, b, n, replicas, a, b2)
			return a, b2
		}
		a, b2 := want(n, c.replicas)
		check := func(what string, have *memory, want [][]float64, shift int) {
			for k := range want {
				for i := range n {
					if have.at(k*n+i) != float64(float32(want[k][i+shift])) {
						t.Fatalf("%s: %s[%d][%d]: want %v, have %v", name, what, k, i, float32(want[k][i+shift]), have.at(k*n+i))
					}
				}
			}
		}
		check("alpha", alpha, a, 0)
		check("beta", beta, b2, 0)

		// The same draws where this device has only a part of the global batch.
		args["step"] = Step{Seed: seed, Iteration: iteration, Base: base, Replica: first}.memory()
		run(t, s, n, args)
		if c.level == dsl.Image {
			a, b2 = want(n+base, 1)
			check("alpha", alpha, a, base)
			check("beta", beta, b2, base)
			continue
		}
		a, b2 = want(first+c.replicas, first+c.replicas) // image r is replica r
		for i := range n {
			r := first + i*c.replicas/n
			if alpha.at(i) != float64(float32(a[0][r])) || beta.at(i) != float64(float32(b2[0][r])) {
				t.Fatalf("%s: image %d of a later device: want replica %d's %v and %v, have %v and %v", name, i, r, a[0][r], b2[0][r], alpha.at(i), beta.at(i))
			}
		}
	}
}

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
		y := newMemory(c.Type, make([]float64, c.n*c.H*c.W*c.Pitch))
		for i := range y.len() {
			y.set(i, math.NaN())
		}
		table := AugmentTable(mean[:c.C], std[:c.C])
		values := make([]float64, len(table))
		for i, v := range table {
			values[i] = float64(v)
		}
		s := Step{Seed: 99, Iteration: 12, Base: 3}
		run(t, c.AugmentSpec, c.n, map[string]any{"step": s.memory(), "table": floats(values...), "pix": pix, "index": ints(index...), "y": y, "n": c.n})
		for i := range c.n {
			flip, dy, dx := false, c.Crop, c.Crop
			if c.Train {
				flip, dy, dx = engine.AugmentDraw(s.Seed, s.Iteration, int(s.Base)+i, c.Crop)
			}
			for p := range c.H * c.W {
				for ch := range c.Pitch {
					h, w, want := p/c.W+dy-c.Crop, p%c.W+dx-c.Crop, 0.0
					if h >= 0 && h < c.H && w >= 0 && w < c.W && ch < c.C {
						if flip && c.Flip {
							w = c.W - 1 - w
						}
						b := pix.data[((index[i]*c.C+ch)*c.H+h)*c.W+w]
						want = rounded(c.Type, float64(float32((float64(b)-mean[ch])/std[ch])))
					}
					if have := y.at((i*c.H*c.W+p)*c.Pitch + ch); have != want {
						t.Fatalf("%+v: image %d, pixel %d, channel %d: want %v, have %v", c.AugmentSpec, i, p, ch, want, have)
					}
				}
			}
		}
	}
}
