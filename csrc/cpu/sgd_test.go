package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSGD(t *testing.T) {
	const lr, momentum, decay, keep = 0.1, 0.9, 0.01, 0.75
	everyISA(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 15, 16, 17, 1000, 1<<14 - 1, 1<<14 + 33, 3<<14 + 5} {
			for _, nesterov := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d/nesterov=%t", n, nesterov), func(t *testing.T) {
					var first []float32
					for workers := 1; workers <= 3; workers++ {
						p := NewPool(workers)
						r := rand.New(rand.NewPCG(uint64(n), 1))
						flat := make([]float32, 4*n+5) // w, v, g, average with guards between, so none is aligned
						for i := range flat {
							flat[i] = guardValue
						}
						w, v, g, average := flat[1:1+n], flat[2+n:2+2*n], flat[3+2*n:3+3*n], flat[4+3*n:4+4*n]
						ww, vv, aa := make([]float64, n), make([]float64, n), make([]float64, n)
						clear(v)
						for i := range w {
							w[i] = float32(r.NormFloat64())
							ww[i] = float64(w[i])
						}
						for step := range 3 {
							for i := range g {
								g[i] = float32(r.NormFloat64())
								d := float64(g[i]) + decay*ww[i]
								vv[i] = momentum*vv[i] + d
								if nesterov {
									ww[i] -= lr * (d + momentum*vv[i])
								} else {
									ww[i] -= lr * vv[i]
								}
								aa[i] = keep*aa[i] + (1-keep)*ww[i]
								if step == 0 {
									aa[i] = ww[i]
								}
							}
							before := slices.Clone(g)
							o := SGD{LR: lr, Momentum: momentum, WeightDecay: decay, Nesterov: nesterov, Keep: keep, Rest: 1 - keep}
							if step == 0 {
								o.Keep, o.Rest = 0, 1
							}
							o.Run(p, w, v, g, average)
							if !slices.Equal(before, g) {
								t.Fatal("the gradient has changed")
							}
						}
						for i := range w {
							if math.Abs(float64(w[i])-ww[i]) > 2e-6 || math.Abs(float64(v[i])-vv[i]) > 4e-6 || math.Abs(float64(average[i])-aa[i]) > 2e-6 {
								t.Fatalf("element %d: have w, v, average = %g, %g, %g, want %g, %g, %g", i, w[i], v[i], average[i], ww[i], vv[i], aa[i])
							}
						}
						for _, i := range []int{0, 1 + n, 2 + 2*n, 3 + 3*n, 4 + 4*n} {
							if flat[i] != guardValue {
								t.Errorf("guard %d is %g", i, flat[i])
							}
						}
						if first == nil {
							first = flat
						} else if !slices.Equal(first, flat) {
							t.Errorf("%d workers give other bits than one", workers)
						}
						p.Close()
					}
				})
			}
		}
	})
}
