package cuda

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestCorrelate adds several batches to one state.
func TestCorrelate(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 3))
	cases(func(name string, s Shape, n, i int) {
		l := layouts[i]
		spec := CorrelateSpec{Shape: s, A: View{Slice: Slice{Off: l.off, C: l.c, Pitch: l.pitch}, ReLU: i%2 == 0},
			B: View{Slice: Slice{Off: l.outOff, C: l.c, Pitch: l.out}, Norm: &NormRef{C: l.c}}}
		k, err := spec.Kernel()
		if err != nil {
			t.Fatal(err)
		}
		var xs, ys []float64
		state, counter := &memory{F32, make([]byte, 48)}, counters(k)
		for batch := range 2 {
			n := n - batch*(n/2)
			a, b := view{View: spec.A, t: newTensor(r, s, n, l.pitch)}, view{View: spec.B, t: newTensor(r, s, n, l.out), m: newNorm(r, l.c, s.Replicas)}
			run(t, spec, n, map[string]any{"xa": a.t.memory, "norma": nil, "xb": b.t.memory, "normb": b.m.arg(), "partial": scratch(k, n), "counter": counter, "state": state, "n": n})
			idle(t, counter)
			for im := range n {
				for p := range s.H * s.W {
					for c := range l.c {
						x, _ := a.value(im, n, p, c)
						y, _ := b.value(im, n, p, c)
						xs, ys = append(xs, x), append(ys, y)
					}
				}
			}
		}
		var want [6]float64
		want[0] = float64(len(xs))
		for j := range xs {
			want[1] += xs[j] / want[0]
			want[2] += ys[j] / want[0]
		}
		for j := range xs {
			dx, dy := xs[j]-want[1], ys[j]-want[2]
			want[3], want[4], want[5] = want[3]+dx*dx, want[4]+dy*dy, want[5]+dx*dy
		}
		for j, w := range want {
			have := math.Float64frombits(uint64(state.int64(j)))
			if size := []float64{0, 1, 1, want[3], want[4], math.Sqrt(want[3] * want[4])}[j]; math.Abs(have-w) > 1e-5*size {
				t.Errorf("%s: state %d: want %v, have %v", name, j, w, have)
			}
		}
	})
}
