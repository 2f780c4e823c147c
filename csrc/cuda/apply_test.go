package cuda

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestApply(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	cases(func(name string, s Shape, n, i int) {
		l := layouts[i]
		x := view{View: View{Slice: Slice{Off: l.off, C: l.c, Pitch: l.pitch}, ReLU: i%2 == 0}, t: newTensor(r, s, n, l.pitch)}
		if i != 2 {
			x.Norm, x.m = &NormRef{Off: 8 * (i % 2), C: l.c + 8*(i%2)}, newNorm(r, l.c+8*(i%2), s.Replicas)
		}
		y, out := Slice{Buf: 1, Off: l.outOff, C: l.c, Pitch: l.out}, newTensor(r, s, n, l.out)
		before := tensor{out.clone(), s, l.out}
		run(t, ApplySpec{Shape: s, X: x.View, Y: y}, n, map[string]any{"x": x.t.memory, "norm": x.m.arg(), "y": out.memory, "n": n})
		checkOutput(t, name, n, y, out, before, func(i, p, c int) (float64, float64) {
			v, bare := x.value(i, n, p, c)
			return v, math.Abs(bare) + 3
		})
	})
}
