package cuda

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"shake/csrc/emu"
)

// TestOrder runs every kernel with sums with the blocks and threads in several orders, and looks
// for races on shared memory: the bits never change.
func TestOrder(t *testing.T) {
	emu.Only(t)
	r := rand.New(rand.NewPCG(6, 1))
	const n, c, params = 5, 24, 200
	s := Shape{Type: BF16, H: 5, W: 3, Replicas: 2}
	zeros := func(n int) *memory { return newMemory(F32, make([]float64, n)) }
	slice := Slice{C: c, Pitch: c}
	tensorOf := func() *memory { return randoms(r, s.Type, n*s.H*s.W*c, 0, 1) }
	free := r.Perm(params)
	p, p2, p3 := newNormParams(&free, c), newNormParams(&free, c), newNormParams(&free, c)
	flat := randoms(r, F32, params, 0, 1)
	step := Step{Seed: 1, Images: n}.memory()
	var index []int
	labels := &memory{typ: BF16}
	for i := range n {
		index, labels.data = append(index, i), append(labels.data, byte(i), 0)
	}
	for _, k := range []struct {
		name string
		spec Spec
		args map[string]any // inputs, and outputs with their first values
	}{
		{"stats", StatsSpec{s, slice, []StatsOf{{0, c, NormRef{C: c}}}}, map[string]any{"x": tensorOf(), "gamma_at0": p.gammaAt, "beta_at0": p.betaAt, "norm0": newNorm(r, c, 2).memory,
			"running0": zeros(4 * c), "params": flat}},
		{"gradsum", GradSumSpec{Shape: s, Dst: slice, DX: &slice, Sums: []Grad{{G: slice, Norm: &NormRef{C: c}, Y: &slice, ReLU: true}, {G: slice, Norm: &NormRef{C: c}, Y: &slice,
			Draw: &Draw{Branches: 2, Forward: Shaken, Backward: M2, High: 1}}}}, map[string]any{"step": step, "dst": tensorOf(), "dx": tensorOf(), "x": nil, "smask0": nil, "smask1": nil, "sy0": tensorOf(),
			"sy1": tensorOf(), "snorm0": newNorm(r, c, 2).memory, "snorm1": newNorm(r, c, 2).memory, "gamma_at0": p.gammaAt, "gamma_at1": p.gammaAt, "beta_at0": p.betaAt, "beta_at1": p.betaAt, "sblock0": 0, "sblock1": 1,
			"params": flat, "grads": zeros(params)}},
		{"gradnorm", GradNormSpec{Blocks: 264, Room: 4 << 10, Images: n, Parts: []GradNormPart{
			{GradSumSpec: GradSumSpec{Shape: s, Dst: slice, DX: &slice, Sums: []Grad{{G: slice, Norm: &NormRef{C: c}, Y: &slice, ReLU: true}, {G: slice, Norm: &NormRef{C: c}, Y: &slice,
				Draw: &Draw{Branches: 2, Forward: Shaken, Backward: M2, High: 1}}}}, DY: []*Slice{&slice, &slice}},
			{GradSumSpec: GradSumSpec{Shape: s, Dst: slice, Read: true, Sums: []Grad{{G: slice, Norm: &NormRef{C: c}, Y: &slice}}}, DY: []*Slice{&slice}}}},
			map[string]any{"step": step, "dst0": tensorOf(), "dx0": tensorOf(), "x0": nil, "dst1": tensorOf(), "dx1": nil, "x1": nil, "smask0": nil, "smask1": nil, "smask2": nil,
				"sy0": tensorOf(), "sy1": tensorOf(), "sy2": tensorOf(), "snorm0": newNorm(r, c, 2).memory, "snorm1": newNorm(r, c, 2).memory, "snorm2": newNorm(r, c, 2).memory,
				"gamma_at0": p.gammaAt, "gamma_at1": p2.gammaAt, "gamma_at2": p3.gammaAt, "beta_at0": p.betaAt, "beta_at1": p2.betaAt, "beta_at2": p3.betaAt, "sblock0": 0, "sblock1": 1, "sblock2": 0,
				"dy0": tensorOf(), "dy1": tensorOf(), "dy2": tensorOf(), "params": flat, "grads": zeros(params)}},
		{"correlate", CorrelateSpec{s, View{Slice: slice}, View{Slice: slice, ReLU: true}}, map[string]any{"xa": tensorOf(), "norma": nil, "xb": tensorOf(), "normb": nil, "state": zeros(12)}},
		{"head", HeadSpec{Shape: s, X: View{Slice: slice}, Classes: 5, BOff: 5 * c, Train: true, DX: &slice, Mask: true}, map[string]any{"step": step, "scaler": nil, "x": tensorOf(), "norm": nil,
			"labels": labels, "index": ints(index...), "params": flat, "mean": zeros(n * c), "dlogits": zeros(5 * n), "loss": zeros(n), "wrong": zeros(n), "logits": zeros(5 * n), "dx": tensorOf()}},
		{"head_grad", HeadGradSpec{C: c, Classes: 5, BOff: 5 * c}, map[string]any{"mean": randoms(r, F32, n*c, 0, 1), "dlogits": randoms(r, F32, 5*n, 0, 1), "grads": zeros(params)}},
		{"metrics", MetricsSpec{}, map[string]any{"step": step, "loss": randoms(r, F32, n, 0, 1), "wrong": ints(0, 1, 1, 0, 1), "totals": zeros(8)}},
	} {
		kernel, err := k.spec.Kernel()
		if err != nil {
			t.Fatal(err)
		}
		var first string
		for seed := range 4 {
			emu.With(t, fmt.Sprintf("seed=%d;threads=%d;races=1", seed, 1+seed%2*3))
			args := map[string]any{"n": n, "partial": scratch(kernel, n), "counter": counters(kernel)}
			for name, v := range k.args {
				if m, ok := v.(*memory); ok {
					v = m.clone()
				}
				args[name] = v
			}
			run(t, k.spec, n, args)
			var all strings.Builder
			for _, a := range kernel.Args {
				if m, ok := args[a.Name].(*memory); ok && a.Name != "partial" {
					all.Write(m.data)
				}
			}
			if seed == 0 {
				first = all.String()
			} else if all.String() != first {
				t.Errorf("%s: order %d gives other bits", k.name, seed)
			}
		}
	}
}
