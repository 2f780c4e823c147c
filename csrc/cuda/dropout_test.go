package cuda

import (
	"math"
	"math/rand/v2"
	"testing"

	"shake/internal/engine"
	"shake/internal/graph"
)

// TestDropout holds every number to engine.Kept.
func TestDropout(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	cases(func(name string, s Shape, n, k int) {
		l := layouts[k]
		step := Step{Seed: 0x123456789abcdef0, Iteration: 9, Base: 3, Images: 50}
		o := &graph.Dropout{X: graph.Ref{C: l.c}, Rate: []float64{0.3, 0.5, 0.9}[k%3], Index: k}
		spec := DropoutSpec{Shape: s, X: Slice{Off: l.off, C: l.c, Pitch: l.pitch}, Y: Slice{Buf: 1, Off: l.outOff, C: l.c, Pitch: l.out},
			Channels: l.c, Rate: o.Rate, Threshold: engine.DropThreshold(o.Rate), Index: o.Index}
		x, y := newTensor(r, s, n, l.pitch), newTensor(r, s, n, l.out)
		before := tensor{y.clone(), s, l.out}
		run(t, spec, n, map[string]any{"step": step.memory(), "x": x.memory, "y": y.memory, "n": n})
		checkOutput(t, name, n, spec.Y, y, before, func(i, p, c int) (float64, float64) {
			kept := engine.Kept(step.Seed, step.Iteration, int(step.Base)+i, o)
			v := kept.Factor(p, c) * x.get(spec.X, i, p, c)
			return v, math.Abs(v)
		})
	})
}
