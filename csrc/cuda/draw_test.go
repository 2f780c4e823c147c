package cuda

import (
	"fmt"
	"testing"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
)

// drawText stores the coefficients that the kernels draw: alpha[k][i] and beta[k][i] for branch k
// and image i, float[BRANCHES][n] each. Each image has a thread.
const drawText = `extern "C" __global__ void __launch_bounds__(256) draw(const sk_step *step, unsigned int block, float *alpha, float *beta, int n) {
  const int image = blockIdx.x * 256 + threadIdx.x;
  sk_begin();
  if (image >= n) return;
  const int replica = (int)((i64)image * REPLICAS / n);
  for (int k = 0; k < D::BRANCHES; k++) {
    alpha[(i64)k * n + image] = sk_alpha<D>(step, block, image, replica, k);
    beta[(i64)k * n + image] = sk_beta<D>(step, block, image, replica, k);
  }
}
`

// DrawSpec stores the coefficients that the kernels draw for themselves.
//
//	draw(step, block, alpha, beta, n)
type DrawSpec struct {
	Draw     Draw
	Replicas int
}

// Kernel specialises drawText; its launches are for n images.
func (s DrawSpec) Kernel() (*Kernel, error) {
	b := newBuilder("draw")
	b.want(s.Replicas >= 1, "Replicas", "at least 1", s.Replicas)
	b.ints("REPLICAS", s.Replicas)
	b.include("types", "philox")
	b.draw("D", &s.Draw)
	b.sb.WriteString(drawText)
	b.add("step", "block:u", "alpha", "beta", "n:i")
	return b.done(Kernel{threads: 256, grid: func(n int) [3]uint32 { return [3]uint32{uint32((n + 255) / 256), 1, 1} }})
}

// TestModes checks that modes and levels have the numbers of the language, so that one converts
// into the other.
func TestModes(t *testing.T) {
	for have, want := range map[Mode]dsl.Mode{Even: dsl.Even, Shaken: dsl.Shaken, Keep: dsl.Keep, M1: dsl.M1, M2: dsl.M2, M3: dsl.M3, M4: dsl.M4, M5: dsl.M5, Drop: dsl.Drop} {
		if int(have) != int(want) {
			t.Errorf("%v is %d here, %d in the language", want, have, want)
		}
	}
	if int(ImageLevel) != int(dsl.Image) || int(BatchLevel) != int(dsl.Batch) {
		t.Errorf("levels are %d and %d here, %d and %d in the language", ImageLevel, BatchLevel, dsl.Image, dsl.Batch)
	}
}

// TestDraws compares every mode, level and number of branches with engine.Draw, to the bit.
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
		combination{64, dsl.Shaken, dsl.Even, dsl.Image, 0, 1, 1},
		combination{1, dsl.Drop, dsl.Drop, dsl.Image, -1, 1, 2},
		combination{3, dsl.Drop, dsl.Keep, dsl.Batch, 0, 0, 3},
		combination{2, dsl.Drop, dsl.Drop, dsl.Batch, 0, 1, 2})
	const n, base, first = 37, 1000, 5
	for _, c := range all {
		name := fmt.Sprintf("%d branches, %v-%v-%v, replicas %d", c.branches, c.forward, c.backward, c.level, c.replicas)
		const seed, iteration, block = 0x123456789abcdef1, 77, 11
		s := DrawSpec{Replicas: c.replicas, Draw: Draw{Branches: c.branches, Forward: Mode(c.forward), Backward: Mode(c.backward), Level: Level(c.level), Low: c.lo, High: c.hi}}
		if c.forward == dsl.Drop {
			s.Draw.Open, s.Draw.BackLow, s.Draw.BackHigh = 0.6, 0.25, 0.75
		}
		alpha, beta := newMemory(F32, make([]float64, c.branches*n)), newMemory(F32, make([]float64, c.branches*n))
		args := map[string]any{"step": Step{Seed: seed, Iteration: iteration}.memory(), "block": block, "alpha": alpha, "beta": beta, "n": n}
		run(t, s, n, args)
		b := graph.Block{Branches: c.branches, Shake: dsl.Shake{Forward: c.forward, Backward: c.backward, Level: c.level, Range: [2]float64{c.lo, c.hi}, BackwardRange: [2]float64{0.25, 0.75}}, Open: 0.6}
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

		// The same draws on a device with only a part of the global batch.
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
