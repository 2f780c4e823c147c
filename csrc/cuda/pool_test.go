package cuda

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestPool holds both directions of both pools to a loop in float64.
func TestPool(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	cases(func(name string, s Shape, n, k int) {
		l := layouts[k]
		spec := PoolSpec{Shape: s, X: Slice{Off: l.off, C: l.c, Pitch: l.pitch}, Y: Slice{Buf: 1, Off: l.outOff, C: l.c, Pitch: l.out}, Max: k%2 == 0,
			R: 1 + k%3, S: 1 + (k+1)%3, Stride: 1 + k%2}
		spec.Pad = min(spec.R, spec.S) / 2
		if s.H+2*spec.Pad < spec.R || s.W+2*spec.Pad < spec.S {
			spec.R, spec.S, spec.Pad = 1, 1, 0
		}
		small := s
		small.H, small.W = (s.H+2*spec.Pad-spec.R)/spec.Stride+1, (s.W+2*spec.Pad-spec.S)/spec.Stride+1
		x, out := newTensor(r, s, n, l.pitch), newTensor(r, small, n, l.out)
		windows := func(i, p, c int, g func(at int, factor float64)) {
			best, largest := math.Inf(-1), -1
			for a := range spec.R {
				for b := range spec.S {
					h, w := p/small.W*spec.Stride+a-spec.Pad, p%small.W*spec.Stride+b-spec.Pad
					if h < 0 || h >= s.H || w < 0 || w >= s.W {
						continue
					}
					if v := x.get(spec.X, i, h*s.W+w, c); v > best {
						best, largest = v, h*s.W+w
					}
					if !spec.Max {
						g(h*s.W+w, 1/float64(spec.R*spec.S))
					}
				}
			}
			if spec.Max {
				g(largest, 1)
			}
		}
		before := tensor{out.clone(), small, l.out}
		run(t, spec, n, map[string]any{"x": x.memory, "y": out.memory, "n": n})
		checkOutput(t, name, n, spec.Y, out, before, func(i, p, c int) (y, size float64) {
			windows(i, p, c, func(at int, factor float64) { y += factor * x.get(spec.X, i, at, c) })
			return y, math.Abs(y) + 3
		})

		grad := PoolGradSpec{PoolSpec: spec, DY: Slice{Buf: 2, Off: l.off, C: l.c, Pitch: l.pitch}, DX: Slice{Buf: 3, Off: l.outOff, C: l.c, Pitch: l.out}}
		dy, dx := newTensor(r, small, n, l.pitch), newTensor(r, s, n, l.out)
		before = tensor{dx.clone(), s, l.out}
		run(t, grad, n, map[string]any{"x": x.memory, "dy": dy.memory, "dx": dx.memory, "n": n})
		checkOutput(t, name, n, grad.DX, dx, before, func(i, at, c int) (d, size float64) {
			for p := range small.H * small.W {
				windows(i, p, c, func(to int, factor float64) {
					if to == at {
						d += factor * dy.get(grad.DY, i, p, c)
					}
				})
			}
			return d, math.Abs(d) + 3
		})
	})
}
