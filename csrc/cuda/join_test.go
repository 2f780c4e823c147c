package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestJoin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 2))
	cases(func(name string, s Shape, n, i int) {
		l := layouts[i]
		branches := []int{2, 2, 3, 8, 1, 2, 2}[i]
		d := Draw{Branches: branches, Forward: Mode((i + 1) % 2), Level: Level(i % 2), Low: 0, High: 1}
		operand := func(k int, normed bool) view {
			v := view{View: View{Slice: Slice{Buf: k, Off: l.off, C: l.c, Pitch: l.pitch}, ReLU: k%2 == 1 && i == 4}, t: newTensor(r, s, n, l.pitch)}
			if normed {
				v.Norm, v.m = &NormRef{C: l.c}, newNorm(r, l.c, s.Replicas)
			}
			return v
		}
		out, cp := newTensor(r, s, n, l.out), newTensor(r, s, n, l.out)
		before, cpBefore := tensor{out.clone(), s, l.out}, tensor{cp.clone(), s, l.out}
		y := Slice{Buf: 100, Off: l.outOff, C: l.c, Pitch: l.out}
		step := Step{Seed: 7, Iteration: 3}
		spec := JoinSpec{Shape: s, Draw: d, Y: y, ReLU: i%3 == 1, Eval: i == 3}
		args := map[string]any{"step": step.memory(), "block": 5, "skip": nil, "skip_norm": nil, "y": out.memory, "copy": nil, "n": n}
		if i%2 == 1 {
			spec.Copy = ptr(y)
			args["copy"] = cp.memory
		}
		var vs []view
		for k := range branches {
			v := operand(k, k != 2)
			vs = append(vs, v)
			spec.Branches = append(spec.Branches, v.View)
			args[fmt.Sprintf("x%d", k)], args[fmt.Sprintf("norm%d", k)] = v.t.memory, v.m.arg()
		}
		skip := operand(50, i%2 == 0)
		if i != 5 {
			spec.Skip = &skip.View
			args["skip"], args["skip_norm"] = skip.t.memory, skip.m.arg()
		}
		run(t, spec, n, args)
		alpha, _ := drawn(step, d, 5, n, s.Replicas)
		sum := func(i, p, c int) (v, size float64) {
			size = 3
			if spec.Skip != nil {
				v, _ = skip.value(i, n, p, c)
				size += math.Abs(v)
			}
			for k, b := range vs {
				a, f := float64(float32(alpha[k][i])), 0.0
				if spec.Eval {
					a = 1 / float64(branches)
				}
				f, _ = b.value(i, n, p, c)
				v, size = v+a*f, size+math.Abs(f)+3
			}
			return v, size
		}
		checkOutput(t, name, n, y, out, before, func(i, p, c int) (float64, float64) {
			v, size := sum(i, p, c)
			if spec.ReLU {
				v = max(v, 0)
			}
			return v, size
		})
		if spec.Copy != nil {
			checkOutput(t, name+" copy", n, y, cp, cpBefore, func(i, p, c int) (float64, float64) {
				v, size := sum(i, p, c)
				return max(v, 0), size
			})
		}
	})
}
