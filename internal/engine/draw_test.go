package engine

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"shake/dsl"
	"shake/internal/graph"
	"shake/internal/rng"
)

// block is a block of that many branches whose draws are in [0, 1).
func block(branches int, forward, backward dsl.Mode, level dsl.Level) graph.Block {
	return graph.Block{Branches: branches, Shake: dsl.Shake{Forward: forward, Backward: backward, Level: level, Range: [2]float64{0, 1}}}
}

// drawn is Draw into fresh slices.
func drawn(seed uint64, iteration uint32, number int, b graph.Block, n, replicas int) (alpha, beta [][]float64) {
	for range b.Branches {
		alpha, beta = append(alpha, make([]float64, n)), append(beta, make([]float64, n))
	}
	Draw(seed, iteration, number, b, n, replicas, alpha, beta)
	return alpha, beta
}

// TestDrawCounters: the first branch's alpha and beta at level image are word 0 of the documented
// counters.
func TestDrawCounters(t *testing.T) {
	b := block(2, dsl.Shaken, dsl.Shaken, dsl.Image)
	alpha, beta := drawn(1<<40|7, 12, 3, b, 5, 2)
	for i := range 5 {
		for _, c := range []struct {
			have    float64
			purpose rng.Purpose
		}{{alpha[0][i], rng.Alpha}, {beta[0][i], rng.Beta}} {
			want := rng.Uniform(rng.Philox(1<<40|7, [4]uint32{12, 3, uint32(i), uint32(c.purpose)})[0])
			if c.have != want {
				t.Errorf("purpose %d image %d: want %v, have %v", c.purpose, i, want, c.have)
			}
		}
		if alpha[1][i] != 1-alpha[0][i] || beta[1][i] != 1-beta[0][i] {
			t.Errorf("image %d: want complements, have %v %v, %v %v", i, alpha[0][i], alpha[1][i], beta[0][i], beta[1][i])
		}
	}
}

func TestDrawModes(t *testing.T) {
	for _, branches := range []int{1, 2, 3, 5, 6, 11} {
		for _, level := range []dsl.Level{dsl.Image, dsl.Batch} {
			for _, forward := range []dsl.Mode{dsl.Even, dsl.Shaken} {
				for _, backward := range []dsl.Mode{dsl.Even, dsl.Shaken, dsl.Keep} {
					name := fmt.Sprintf("%d branches, level %d, %d-%d", branches, level, forward, backward)
					alpha, beta := drawn(3, 4, 5, block(branches, forward, backward, level), 7, 3)
					for i := range 7 {
						sums := [2]float64{}
						for k := range branches {
							a, b := alpha[k][i], beta[k][i]
							sums[0], sums[1] = sums[0]+a, sums[1]+b
							even := 1 / float64(branches)
							if forward == dsl.Even && a != even || backward == dsl.Even && b != even || backward == dsl.Keep && b != a || a < 0 || b < 0 {
								t.Errorf("%s: branch %d image %d: a=%v b=%v", name, k, i, a, b)
							}
						}
						if math.Abs(sums[0]-1) > 1e-12 || math.Abs(sums[1]-1) > 1e-12 {
							t.Errorf("%s: image %d: want sums of 1, have %v", name, i, sums)
						}
					}
					if forward == dsl.Shaken && backward == dsl.Shaken && branches > 1 && alpha[0][0] == beta[0][0] {
						t.Errorf("%s: alpha and beta are one draw, %v", name, alpha[0][0])
					}
				}
			}
		}
	}
}

// TestDrawLevels: at level batch a replica's images share a value, as ReplicaRange splits them, and
// replicas differ; at level image all differ.
func TestDrawLevels(t *testing.T) {
	alpha, _ := drawn(9, 1, 0, block(2, dsl.Shaken, dsl.Even, dsl.Batch), 7, 3)
	a := alpha[0]
	if want := []float64{a[0], a[0], a[0], a[3], a[3], a[5], a[5]}; !slices.Equal(a, want) || a[0] == a[3] || a[3] == a[5] || a[0] == a[5] {
		t.Errorf("level batch, 7 images, 3 replicas: want 3, 2 and 2 of a value, have %v", a)
	}
	alpha, _ = drawn(9, 1, 0, block(2, dsl.Shaken, dsl.Even, dsl.Image), 7, 3)
	if distinct := slices.Compact(slices.Sorted(slices.Values(alpha[0]))); len(distinct) != 7 {
		t.Errorf("level image: want seven values, have %v", alpha[0])
	}
}

// TestDrawIsAFunctionOfPlace: a ragged batch, another number of replicas and other images change no
// image's draw; iteration, block and seed do.
func TestDrawIsAFunctionOfPlace(t *testing.T) {
	b := block(2, dsl.Shaken, dsl.Shaken, dsl.Image)
	alpha, beta := drawn(9, 1, 2, b, 8, 2)
	shortA, shortB := drawn(9, 1, 2, b, 5, 1)
	if !slices.Equal(shortA[0], alpha[0][:5]) || !slices.Equal(shortB[0], beta[0][:5]) {
		t.Error("the first five images of a batch of eight draw otherwise in a batch of five")
	}
	for name, other := range map[string][3]int{"seed": {10, 1, 2}, "iteration": {9, 2, 2}, "block": {9, 1, 3}} {
		if a, _ := drawn(uint64(other[0]), uint32(other[1]), other[2], b, 8, 2); a[0][0] == alpha[0][0] {
			t.Errorf("another %s draws the same", name)
		}
	}
}

func TestDrawRange(t *testing.T) {
	b := block(2, dsl.Shaken, dsl.Shaken, dsl.Image)
	b.Shake.Range = [2]float64{0.4, 0.6}
	alpha, beta := drawn(1, 0, 0, b, 1000, 1)
	for _, coef := range [][][]float64{alpha, beta} {
		if lo, hi := slices.Min(coef[0]), slices.Max(coef[0]); lo < 0.4 || lo > 0.401 || hi > 0.6 || hi < 0.599 {
			t.Errorf("want draws that fill [0.4, 0.6), have %v to %v", lo, hi)
		}
	}
}

// TestBetaRules holds M1..M5 to the intervals of the paper's Table 4, by their ends at r = 0 and r
// = 1.
func TestBetaRules(t *testing.T) {
	for _, c := range []struct {
		mode          dsl.Mode
		a             float64
		atZero, atOne float64
	}{
		{dsl.M1, 0.2, 0.8, 0.8}, {dsl.M1, 0.5, 0.5, 0.5}, {dsl.M1, 0.7, 0.3, 0.3},
		{dsl.M2, 0.2, 0, 0.2}, {dsl.M2, 0.5, 0.5, 1}, {dsl.M2, 0.7, 0.7, 1},
		{dsl.M3, 0.2, 0.2, 0.5}, {dsl.M3, 0.5, 0.5, 0.5}, {dsl.M3, 0.7, 0.5, 0.7},
		{dsl.M4, 0.2, 0.5, 0.8}, {dsl.M4, 0.5, 0.5, 0.5}, {dsl.M4, 0.7, 0.3, 0.5},
		{dsl.M5, 0.2, 0.8, 1}, {dsl.M5, 0.5, 0, 0.5}, {dsl.M5, 0.7, 0, 0.3},
	} {
		for r, want := range map[float64]float64{0: c.atZero, 1: c.atOne, 0.5: (c.atZero + c.atOne) / 2} {
			if have := betaRule(c.mode, c.a, r); math.Abs(have-want) > 1e-15 {
				t.Errorf("mode %d, a=%v, r=%v: want %v, have %v", c.mode, c.a, r, want, have)
			}
		}
	}
}

func TestReplicaRange(t *testing.T) {
	for _, c := range []struct {
		n, replicas int
		want        []int
	}{{128, 2, []int{0, 64, 128}}, {80, 2, []int{0, 40, 80}}, {7, 3, []int{0, 3, 5, 7}}, {1, 3, []int{0, 1, 1, 1}}, {5, 1, []int{0, 5}}} {
		for r := range c.replicas {
			if lo, hi := ReplicaRange(c.n, c.replicas, r); lo != c.want[r] || hi != c.want[r+1] {
				t.Errorf("%d images, replica %d of %d: want %d..%d, have %d..%d", c.n, r, c.replicas, c.want[r], c.want[r+1], lo, hi)
			}
		}
	}
}

func TestDrawAllocatesNothing(t *testing.T) {
	b := block(64, dsl.Shaken, dsl.Shaken, dsl.Image)
	alpha, beta := drawn(1, 0, 0, b, 3, 1)
	if n := testing.AllocsPerRun(10, func() { Draw(1, 0, 0, b, 3, 1, alpha, beta) }); n != 0 {
		t.Errorf("want no allocation, have %v", n)
	}
}
