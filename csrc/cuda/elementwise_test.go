package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// layouts are channel counts and where they stand: whole buffers, slices, channels that no vector fits.
var layouts = []struct {
	c, off, pitch int // of the operands
	outOff, out   int // of the output
}{
	{16, 0, 16, 0, 16},
	{32, 32, 96, 0, 32},
	{24, 8, 40, 24, 48},
	{12, 4, 20, 0, 12},
	{3, 0, 8, 0, 3},
	{5, 1, 7, 2, 9},
	{296, 0, 296, 0, 296}, // 37 vectors of 8, a ragged chunk
}

// cases calls f for every layout with another type, map, batch and replicas each.
func cases(f func(name string, s Shape, n int, l int)) {
	maps := [][2]int{{7, 5}, {8, 8}, {1, 1}, {3, 9}, {4, 4}, {1, 13}, {2, 2}}
	batches := []int{5, 1, 4, 7, 2, 3, 6}
	for i, l := range layouts {
		s := Shape{Type: Type(i % 3), H: maps[i][0], W: maps[i][1], Replicas: i%3 + 1}
		f(fmt.Sprintf("%v %d channels from %d of %d, %dx%d, %d images, %d replicas", s.Type, l.c, l.off, l.pitch, s.H, s.W, batches[i], s.Replicas), s, batches[i], i)
	}
}

// checkOutput holds every element of a buffer: within slice y as want says, elsewhere as before.
func checkOutput(t *testing.T, name string, n int, y Slice, have, before tensor, want func(i, p, c int) (value, size float64)) {
	t.Helper()
	for i := range n {
		for p := range have.shape.H * have.shape.W {
			for c := range y.Pitch {
				h := have.get(Slice{Pitch: y.Pitch}, i, p, c)
				if c < y.Off || c >= y.Off+y.C {
					if b := before.get(Slice{Pitch: y.Pitch}, i, p, c); h != b {
						t.Fatalf("%s: image %d, pixel %d: channel %d lies outside and became %v, was %v", name, i, p, c, h, b)
					}
					continue
				}
				if w, size := want(i, p, c-y.Off); !near(have.shape.Type, h, w, single(size)) {
					t.Fatalf("%s: image %d, pixel %d, channel %d: want %v, have %v", name, i, p, c-y.Off, w, h)
				}
			}
		}
	}
}

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

// newGrad is a random gradient of c channels that reads slices of the given place.
func newGrad(r *rand.Rand, s Shape, n int, place Slice, mask, drawn, normed, relu bool) grad {
	at := func(buf int) *Slice { p := place; p.Buf = buf; return &p }
	d := grad{Grad: Grad{G: *at(place.Buf), ReLU: relu}, g: newTensor(r, s, n, place.Pitch), block: 2}
	if mask {
		d.Mask, d.mask = at(place.Buf+1000), newTensor(r, s, n, place.Pitch)
	}
	if drawn {
		d.Draw, d.Branch = &Draw{Branches: 2, Forward: Shaken, Backward: Shaken, High: 1}, 1
	}
	if normed {
		d.Norm, d.m = &NormRef{Off: 8, C: place.C + 8}, newNorm(r, place.C+8, s.Replicas)
	}
	if normed || relu {
		d.Y, d.y = at(place.Buf+2000), newTensor(r, s, n, place.Pitch)
	}
	return d
}

func (d grad) size(g float64, i, n, p, c int) float64 {
	size := math.Abs(g) + 3
	if d.Norm != nil {
		r := replicaOf(i, n, d.m.replicas)
		size += math.Abs(d.m.get(gradG, r, d.Norm.Off+c)*g) + math.Abs(d.m.get(gradY, r, d.Norm.Off+c)*d.y.get(*d.Y, i, p, c))
	}
	return 2 * size
}

func TestGradConcat(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	cases(func(name string, s Shape, n, i int) {
		l := layouts[i]
		place := Slice{Buf: 1, Off: l.off, C: l.c, Pitch: l.pitch}
		// The two branches of a block, which share g and mask; then, of other buffers, a norm with a ReLU, and a plain gradient.
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
