package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"shake/internal/engine"
	"shake/internal/exhaustive"
)

func TestGradSum(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 3))
	cases(func(name string, s Shape, n, i int) { testGradSum(t, r, name, s, n, i, i) })
	cases(func(name string, s Shape, n, i int) {
		if i < 2 || i < 4 && exhaustive.On() {
			testGradSum(t, r, name+", sums only", s, n, i, 100)
		}
	})
	testGradSum(t, r, "300 images", Shape{F32, 2, 3, 2}, 300, 0, 0)
	testGradSum(t, r, "3 replicas of 2 images", Shape{F16, 3, 3, 3}, 2, 2, 1)
}

// testGradSum takes layout i and the ingredients of combination combo.
func testGradSum(t *testing.T, r *rand.Rand, name string, s Shape, n, i, combo int) {
	l := layouts[i]
	const params = 2000
	place := Slice{Buf: 1, Off: l.off, C: l.c, Pitch: l.pitch}
	spec := GradSumSpec{Shape: s, Dst: Slice{Off: l.outOff, C: l.c, Pitch: l.out}, Read: combo == 100}
	dst, dx, x := newTensor(r, s, n, l.out), newTensor(r, s, n, l.pitch), newTensor(r, s, n, l.pitch)
	step := Step{Seed: 4, Iteration: 9}
	flat, grads := randoms(r, F32, params, 1, 1), randoms(r, F32, params, 0, 1)
	gradsBefore := grads.clone()
	args := map[string]any{"step": step.memory(), "dst": dst.memory, "dx": nil, "x": nil, "params": flat, "grads": grads, "n": n}
	var terms, sums []grad
	free := r.Perm(params)
	if !spec.Read {
		spec.Accumulate = combo%2 == 1
		if combo%3 < 2 {
			spec.DX, args["dx"] = ptr(Slice{Buf: 5, Off: l.off, C: l.c, Pitch: l.pitch}), dx.memory
			if combo%3 == 0 {
				spec.X, args["x"] = ptr(Slice{Buf: 6, Off: l.off, C: l.c, Pitch: l.pitch}), x.memory
			}
		}
		for k := range combo % 3 { // none, one or two
			place.Buf = 10 + k
			terms = append(terms, newGrad(r, s, n, place, k == 0, combo%2 == 0, k == 1, k == 1))
		}
	}
	if combo != 4 && combo != 5 {
		// Two branches of the whole, and a norm with ReLU of a part.
		for k, part := range []Slice{{Off: 0, C: l.c}, {Off: 0, C: l.c}, {Off: l.c / 2 / 8 * 8, C: l.c - l.c/2/8*8}} {
			place.Buf = 20 + k
			d := newGrad(r, s, n, Slice{Buf: place.Buf, Off: l.off, C: part.C, Pitch: l.pitch}, k == 2, k < 2, true, k == 2)
			d.Branch = k % 2
			// The two share a mask; so do all sums where the third does not reach
			if combo%3 != 1 && k == 1 {
				d.Mask, d.mask = ptr(Slice{Buf: 1020, Off: l.off, C: part.C, Pitch: l.pitch}), newTensor(r, s, n, l.pitch)
				sums[0].Mask, sums[0].mask = d.Mask, d.mask
			}
			d.G, d.g = spec.Dst.sub(part.Off, part.C), dst
			sums = append(sums, d)
		}
	}
	for k, g := range terms {
		spec.Terms = append(spec.Terms, g.Grad)
		args[fmt.Sprintf("g%d", k)], args[fmt.Sprintf("mask%d", k)], args[fmt.Sprintf("y%d", k)] = g.g.arg(), g.mask.arg(), g.y.arg()
		args[fmt.Sprintf("norm%d", k)], args[fmt.Sprintf("block%d", k)] = g.m.arg(), g.block
	}
	parts, before := []normParams{}, []norm{}
	for k, g := range sums {
		spec.Sums = append(spec.Sums, g.Grad)
		p := newNormParams(&free, g.Norm.C)
		parts, before = append(parts, p), append(before, norm{g.m.clone(), g.m.c, g.m.replicas})
		args[fmt.Sprintf("smask%d", k)], args[fmt.Sprintf("sy%d", k)], args[fmt.Sprintf("snorm%d", k)] = g.mask.arg(), g.y.arg(), g.m.arg()
		args[fmt.Sprintf("sblock%d", k)], args[fmt.Sprintf("gamma_at%d", k)], args[fmt.Sprintf("beta_at%d", k)] = g.block, p.gammaAt, p.betaAt
	}
	k, err := spec.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	args["partial"], args["counter"] = scratch(k, n), counters(k)
	dstBefore := tensor{dst.clone(), s, l.out}
	run(t, spec, n, args)
	idle(t, args["counter"].(*memory))
	betas := [][]float64{}
	for _, g := range terms {
		betas = append(betas, g.betas(step, n, s.Replicas))
	}
	checkOutput(t, name, n, spec.Dst, dst, dstBefore, func(i, p, c int) (v, size float64) {
		if spec.Read || spec.Accumulate {
			v = dstBefore.get(spec.Dst, i, p, c)
		}
		size = math.Abs(v) + 1
		if spec.DX != nil && (spec.X == nil || x.get(*spec.X, i, p, c) > 0) {
			v += dx.get(*spec.DX, i, p, c)
			size += math.Abs(v)
		}
		for k, g := range terms {
			further := g.g.get(g.G, i, p, c)
			v += g.whole(further, betas[k][i], i, n, p, c)
			size += math.Abs(v) + g.size(further, i, n, p, c)
		}
		if spec.Read {
			size = 0
		}
		return v, size
	})
	for k, g := range sums {
		g := sumsOf{grad: g, before: before[k], params: parts[k], flat: flat, grads: grads}
		g.check(t, fmt.Sprintf("%s: sum %d", name, k), step, n)
	}
	owned := map[int]bool{}
	for k, g := range sums {
		for c := range g.G.C {
			owned[parts[k].gammaAt.int(g.Norm.Off+c)], owned[parts[k].betaAt.int(g.Norm.Off+c)] = true, true
		}
	}
	for i := range params {
		if !owned[i] && grads.at(i) != gradsBefore.at(i) {
			t.Fatalf("%s: gradient %d is of no channel and became %v", name, i, grads.at(i))
		}
	}
}

// sumsOf is a gradient whose sums were taken: its norm before, the places of its parameters among
// all, and the gradients of these.
type sumsOf struct {
	grad
	before      norm
	params      normParams
	flat, grads *memory
}

// check checks the coefficients of the norm's channels and the gradients of its parameters.
func (g sumsOf) check(t *testing.T, name string, step Step, n int) {
	t.Helper()
	s, betas := g.g.shape, g.betas(step, n, g.m.replicas)
	for c := range g.Norm.C {
		dgamma, dbeta, size := 0.0, 0.0, 1.0
		within := c >= g.Norm.Off && c < g.Norm.Off+g.G.C
		gamma, _ := g.params.of(g.flat, c)
		for r := range g.m.replicas {
			lo, hi := engine.ReplicaRange(n, g.m.replicas, r)
			want := [3]float64{g.before.get(dxG, r, c), g.before.get(dxX, r, c), g.before.get(dx1, r, c)}
			most := 1.0
			if within && hi > lo {
				s1, s2, count := 0.0, 0.0, float64((hi-lo)*s.H*s.W)
				inv, m := g.before.get(invstd, r, c), g.before.get(mean, r, c)
				for i := lo; i < hi; i++ {
					for px := range s.H * s.W {
						f := g.prime(g.g.get(g.G, i, px, c-g.Norm.Off), betas[i], i, n, px, c-g.Norm.Off)
						s1 += f
						s2 += f * (g.y.get(*g.Y, i, px, c-g.Norm.Off) - m) * inv
						most += math.Abs(f) * (1 + (math.Abs(m)+3)*math.Abs(inv))
					}
				}
				dgamma, dbeta = dgamma+s2, dbeta+s1
				size += most
				byG := gamma * inv
				want = [3]float64{byG, -byG * inv * s2 / count, byG * (m*inv*s2 - s1) / count}
				most = most/count*math.Abs(byG)*(1+math.Abs(inv))*(1+math.Abs(m)) + math.Abs(byG)
			}
			for a := range want {
				have := g.m.get(dxG+a, r, c)
				if !within && have != want[a] || !closeTo(have, want[a], most) {
					t.Fatalf("%s: replica %d, channel %d, coefficient %d: want %v, have %v", name, r, c, a, want[a], have)
				}
			}
		}
		for a := range mean + dxG {
			for r := range g.m.replicas {
				if g.m.get(a, r, c) != g.before.get(a, r, c) {
					t.Fatalf("%s: array %d of the norm changed", name, a)
				}
			}
		}
		at, bt := g.params.gammaAt.int(c), g.params.betaAt.int(c)
		if within && at >= 0 && (!closeTo(g.grads.at(at), dgamma, size) || !closeTo(g.grads.at(bt), dbeta, size)) {
			t.Fatalf("%s: channel %d: want gradients of the parameters %v and %v, have %v and %v", name, c, dgamma, dbeta, g.grads.at(at), g.grads.at(bt))
		}
	}
}
