package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"shake/internal/engine"
	"shake/internal/graph"
)

// TestDropout holds every number to engine.Kept, and wants the rate's share of zeros.
func TestDropout(t *testing.T) {
	everyGeometry(t, 12, func(f *fixture) {
		c, front := f.someC(), 16*f.IntN(2)
		rate := []float64{0.1, 0.5, 0.9}[f.IntN(3)]
		o := &graph.Dropout{X: graph.Ref{C: c}, Rate: rate, Index: f.IntN(5)}
		s := DropoutSpec{X: f.tensor(front + c), Off: front, Y: f.tensor(c), Scale: 1 / (1 - rate), Threshold: engine.DropThreshold(rate), Index: o.Index}
		before := all(s.Y)
		op, err := NewDropout(f.p, s)
		if err != nil {
			f.Fatal(err)
		}
		const seed, iteration = 0x123456789abcdef0, 77
		op.Run(f.b, seed, iteration)
		f.nearTensor(s.Y, 0, c, before, func(n, c, p int) float64 {
			kept := engine.Kept(seed, iteration, n, o)
			return kept.Factor(p, c) * s.X.at(n, front+c, p)
		})
	})
}

// TestDropoutRate: the share of zeros is the rate, within four deviations.
func TestDropoutRate(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	a := arenaOf(1 << 20)
	defer a.Close()
	x, y := a.Tensor(0, 1, 64, 32, 32), a.Tensor(1<<17, 1, 64, 32, 32)
	ones := make([]float32, 64*32*32)
	for i := range ones {
		ones[i] = 1
	}
	x.Set(0, ones)
	op, err := NewDropout(p, DropoutSpec{X: x, Y: y, Scale: 1 / 0.7, Threshold: engine.DropThreshold(0.3)})
	if err != nil {
		t.Fatal(err)
	}
	b := NewBatch(p, 1, 1)
	b.Set(1)
	op.Run(b, rand.Uint64(), 1)
	zeros := 0.0
	for _, v := range y.Get(0) {
		if v == 0 {
			zeros++
		}
	}
	n := float64(len(ones))
	if math.Abs(zeros/n-0.3) > 4*math.Sqrt(0.3*0.7/n) {
		t.Errorf("%v of %v numbers are zero, want 30 %%", zeros, n)
	}
}
