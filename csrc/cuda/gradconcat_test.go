package cuda

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestGradConcat(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	cases(func(name string, s Shape, n, i int) {
		l := layouts[i]
		place := Slice{Buf: 1, Off: l.off, C: l.c, Pitch: l.pitch}
		// The two branches of a block, which share g and mask. Then, from other buffers, a norm
		// with a ReLU, and a plain gradient.
		a := newGrad(r, s, n, place, i%2 == 0, true, true, false)
		b := a
		b.Branch, b.Y, b.y, b.m = 0, ptr(Slice{Buf: 77, Off: l.off, C: l.c, Pitch: l.pitch}), newTensor(r, s, n, l.pitch), newNorm(r, l.c+8, s.Replicas)
		place.Buf = 2
		c := newGrad(r, s, n, place, false, i%3 == 0, i%3 < 2, true)
		place.Buf = 3
		d := newGrad(r, s, n, place, true, false, false, false)
		grads := [][]grad{{a, b}, {a, b, c}, {c}, {d, a}, {a, b, c, d}, {d}, {b, a}}[i]
		spec := GradConcatSpec{Shape: s}
		step := Step{Seed: 8, Iteration: 1}
		args := map[string]any{"step": step.memory(), "n": n}
		for k, g := range grads {
			spec.Grads = append(spec.Grads, g.Grad)
			for _, v := range []struct {
				name string
				arg  any
			}{{"g", g.g.arg()}, {"mask", g.mask.arg()}, {"y", g.y.arg()}, {"norm", g.m.arg()}, {"block", g.block}} {
				args[fmt.Sprintf("%s%d", v.name, k)] = v.arg
			}
		}
		spec.DY = Slice{Buf: 500, Off: l.outOff, C: l.c * len(grads), Pitch: l.outOff + l.c*len(grads)}
		out := newTensor(r, s, n, spec.DY.Pitch)
		before := tensor{out.clone(), s, spec.DY.Pitch}
		args["dy"] = out.memory
		run(t, spec, n, args)
		betas := [][]float64{}
		for _, g := range grads {
			betas = append(betas, g.betas(step, n, s.Replicas))
		}
		checkOutput(t, name, n, spec.DY, out, before, func(i, p, c int) (float64, float64) {
			k, c := c/l.c, c%l.c
			g := grads[k].g.get(grads[k].G, i, p, c)
			return grads[k].whole(g, betas[k][i], i, n, p, c), grads[k].size(g, i, n, p, c)
		})
	})
}
