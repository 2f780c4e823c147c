package cuda

import (
	"math/rand/v2"
	"testing"
)

// TestWiden holds channels to a copy, and those behind them to zero.
func TestWiden(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	cases(func(name string, s Shape, n, k int) {
		l := layouts[k]
		spec := WidenSpec{Shape: s, X: Slice{Off: l.off, C: l.c, Pitch: l.pitch}, Y: Slice{Buf: 1, C: l.c + 3*(k%3), Pitch: l.c + 8}}
		x, y := newTensor(r, s, n, l.pitch), newTensor(r, s, n, l.c+8)
		before := tensor{y.clone(), s, l.c + 8}
		run(t, spec, n, map[string]any{"x": x.memory, "y": y.memory, "n": n})
		checkOutput(t, name, n, spec.Y, y, before, func(i, p, c int) (float64, float64) {
			if c >= l.c {
				return 0, 0
			}
			return x.get(spec.X, i, p, c), 0
		})
	})
}
