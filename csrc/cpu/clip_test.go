package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestClip: the norm and the numbers are those of the formula, for any number of workers the same
// bits; a gradient that is short enough stays as it is.
func TestClip(t *testing.T) {
	for _, n := range []int{0, 1, 7, 16, 1000, 1<<14 - 1, 1<<14 + 33, 3<<14 + 5} {
		for _, most := range []float64{0.5, 1e6} {
			t.Run(fmt.Sprintf("%d/%v", n, most), func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(n), 2))
				g, sum := make([]float32, n+1), 0.0
				for i := range n {
					g[i] = float32(r.NormFloat64())
					sum += float64(g[i]) * float64(g[i])
				}
				g[n] = guardValue
				want, factor := math.Sqrt(sum), min(1, most/(math.Sqrt(sum)+1e-6))
				var first []float32
				for workers := 1; workers <= 3; workers++ {
					p := NewPool(workers)
					have := slices.Clone(g)
					if norm := Clip(p, have[:n], most); math.Abs(norm-want) > 1e-12*want {
						t.Errorf("want a norm of %v, have %v", want, norm)
					}
					p.Close()
					for i := range n {
						if w := factor * float64(g[i]); math.Abs(float64(have[i])-w) > 2e-7*math.Abs(w) {
							t.Fatalf("number %d: want %v, have %v", i, w, have[i])
						}
					}
					if have[n] != guardValue {
						t.Errorf("the guard is %v", have[n])
					}
					if first == nil {
						first = have
					} else if !slices.Equal(first, have) {
						t.Errorf("%d workers give other bits than one", workers)
					}
				}
			})
		}
	}
	p := NewPool(2)
	defer p.Close()
	g := []float32{1, float32(math.Inf(1)), 2}
	if norm := Clip(p, g, 1); !math.IsInf(norm, 1) || g[0] != 0 || !math.IsNaN(float64(g[1])) {
		t.Errorf("of an infinity: norm %v, %v", norm, g)
	}
}
