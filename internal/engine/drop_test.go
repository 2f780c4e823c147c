package engine_test

import (
	"math"
	"testing"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
)

// TestDrawDrop: ShakeDrop's coefficients are 1 where the gate is open, as often as its block says,
// else within the range of the pass. Both passes have one gate, branches have gates of their own,
// and evaluation takes the mean.
func TestDrawDrop(t *testing.T) {
	const n = 40000
	b := graph.Block{Branches: 2, Open: 0.7, Shake: dsl.Shake{Forward: dsl.Drop, Backward: dsl.Drop,
		Range: [2]float64{-1, 0.5}, BackwardRange: [2]float64{0.25, 0.75}}}
	alpha, beta := room(2, n), room(2, n)
	engine.Draw(7, 3, 5, b, n, 1, alpha, beta)
	both, open := 0, [2]int{}
	for k := range 2 {
		mean := 0.0
		for i := range n {
			a, c := alpha[k][i], beta[k][i]
			mean += a / n
			switch {
			case (a == 1) != (c == 1):
				t.Fatalf("branch %d, image %d: alpha %v and beta %v have not the same gate", k, i, a, c)
			case a == 1:
				open[k]++
			case a < -1 || a >= 0.5 || c < 0.25 || c >= 0.75:
				t.Fatalf("branch %d, image %d: alpha %v, beta %v", k, i, a, c)
			}
			if k == 1 && a == 1 && alpha[0][i] == 1 {
				both++
			}
		}
		if math.Abs(float64(open[k])/n-0.7) > 0.01 {
			t.Errorf("branch %d: %d of %d gates are open, want 70 %%", k, open[k], n)
		}
		if math.Abs(mean-b.Expected()) > 0.015 {
			t.Errorf("branch %d: the mean is %v, evaluation takes %v", k, mean, b.Expected())
		}
	}
	if math.Abs(float64(both)/n-0.49) > 0.015 {
		t.Errorf("both gates are open for %d of %d images, want 49 %%", both, n)
	}
}

// TestOpen: the first of four blocks is open with 1 - 1/4 (1-p), the last with p.
func TestOpen(t *testing.T) {
	s := dsl.Shake{Gate: 0.5}
	for i, want := range []float64{0.875, 0.75, 0.625, 0.5} {
		if have := s.Open(i, 4); have != want {
			t.Errorf("block %d: want %v, have %v", i, want, have)
		}
	}
}

func room(branches, n int) [][]float64 {
	c := make([][]float64, branches)
	for k := range c {
		c[k] = make([]float64, n)
	}
	return c
}
