package gpu_test

import (
	"fmt"
	"math"
	"testing"

	"shake/csrc/emu"
	"shake/internal/engine"
	"shake/internal/engine/enginetest"
	"shake/internal/engine/gpu"
	"shake/internal/exhaustive"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// downward is n, n-1 .. 2*batch.
func downward(n int) (all []int) {
	for ; n >= 2*batch; n-- {
		all = append(all, n)
	}
	return all
}

// An evaluation in batches of its own has the logits of one in batches of a step, to the bit, the
// same errors, and the same loss but for the order of the batches' sums; it takes a graph launch
// for each batch, ragged ones included, and the memory of a step. Where cuDNN works in more memory
// than the step leaves, the batch is a step's.
func TestEvaluationBatch(t *testing.T) {
	require(t)
	emu.Only(t)
	for _, c := range []struct {
		name, family, precision, cudnn string
		sizes                          []int
		pooled                         int64 // channels
		own, borrows                   bool
	}{
		{"largest", "26", "bf16", "", downward(100), 64, true, false},
		{"groups", "resnext", "bf16", "", downward(100), 256, true, false},
		{"float32", "26", "fp32", "", []int{1000, 20, 16, 14}, 64, true, false},
		{"works in the arena", "26", "bf16", "broken=1;room=1024", []int{13}, 64, true, true},
		{"no room to work", "26", "bf16", "broken=1;room=1024", downward(100), 64, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.family != "26" || c.precision != "bf16" {
				exhaustive.Only(t)
			}
			freshPlans(t)
			t.Setenv("SHAKE_EMU_CUDNN", c.cudnn)
			s := graphtest.Small(c.family, 16, 1)
			gpu.SetEvalSizes(t, c.sizes...)
			own := program(t, gpu.Backend{Precision: c.precision}, s)
			gpu.SetEvalSizes(t)
			step := program(t, gpu.Backend{Precision: c.precision}, s)
			e := gpu.EvalBatch(own)
			if n := gpu.EvalBatch(step); n != batch || c.own != (e >= 2*batch) || !c.own && e != batch {
				t.Fatalf("batches of %d and %d", e, n)
			}
			g, err := graph.Build(s)
			if err != nil {
				t.Fatal(err)
			}
			images := 2*e + 3
			test := enginetest.Noise(images, g.Classes)
			held, tried := own.Info().Memory-step.Info().Memory, int64(e)
			if !c.own {
				tried = 100
			}
			// Pooled images, logits and their gradients, losses, errors and indexes: the rest is the
			// step's.
			if most := 4 * (tried - batch) * (c.pooled + 2*int64(g.Classes) + 3); held < 0 || held > most {
				t.Errorf("it takes %d bytes more than a step, want %d at most", held, most)
			}
			var logits [2][]float32
			var metrics [2]engine.Metrics
			for i, p := range []engine.Program{own, step} {
				train(t, p, 0.05, 0, 2)
				if err := p.Load(test, test); err != nil {
					t.Fatal(err)
				}
				if _, err = p.Eval(0, images); err != nil { // launches one by one
					t.Fatal(err)
				}
				if logits[i], err = p.Logits(0, images); err != nil {
					t.Fatal(err)
				}
				emu.Reset()
				if metrics[i], err = p.Eval(0, images); err != nil {
					t.Fatal(err)
				}
				n := gpu.EvalBatch(p)
				if want, have := (images+n-1)/n, emu.Count("graph_launch"); have != want {
					t.Errorf("%d images in batches of %d take %d graph launches, want %d", images, n, have, want)
				}
			}
			for i := range logits[1] {
				if math.Float32bits(logits[0][i]) != math.Float32bits(logits[1][i]) {
					t.Fatalf("logit %d of image %d is %g, in a step's batch %g", i%g.Classes, i/g.Classes, logits[0][i], logits[1][i])
				}
			}
			a, b := metrics[0], metrics[1]
			if a.Images != images || a.Errors != b.Errors || !(math.Abs(a.Loss-b.Loss) <= 1e-12*b.Loss) || len(logits[0]) != images*g.Classes {
				t.Errorf("%+v, in a step's batches %+v", a, b)
			}
			if gpu.Borrows(own) != c.borrows {
				t.Errorf("a workspace is in the arena: %v", gpu.Borrows(own))
			}
		})
	}
}

// The cards of a group evaluate in batches of one size, each its share, whatever their replicas;
// all of them have one card's totals and logits.
func TestEvaluationShares(t *testing.T) {
	require(t)
	emu.Only(t)
	s := graphtest.Small("26", 16, 1)
	net, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cudnn    string
		own      bool
		replicas int
	}{{"", true, 2}, {"", true, 3}, {"broken=1;room=1024", false, 3}} {
		t.Run(fmt.Sprintf("batches of their own: %v, %d replicas", c.own, c.replicas), func(t *testing.T) {
			if c.replicas == 3 { // one card has two
				exhaustive.Only(t)
			}
			freshPlans(t)
			t.Setenv("SHAKE_EMU_CUDNN", c.cudnn)
			gpu.SetEvalSizes(t, downward(100)...)
			one, err := gpu.Backend{Precision: "bf16"}.Compile(net, groupConfig(c.replicas))
			if err != nil {
				t.Fatal(err)
			}
			defer one.Close()
			g := cardGroup(t, gpu.Backend{Precision: "bf16"}, s, c.replicas, 2)
			e := gpu.EvalBatch(g.programs[0])
			if n := gpu.EvalBatch(g.programs[1]); n != e || c.own != (e >= 2*groupBatch) {
				t.Fatalf("batches of %d and %d", e, n)
			}
			images := e + 5
			test := enginetest.Noise(images, net.Classes)
			both := func(_ int, p engine.Program) error {
				if err := p.SetState(engine.InitTensors(net, 3)); err != nil {
					return err
				}
				return p.Load(test, test)
			}
			if err := both(0, one); err != nil {
				t.Fatal(err)
			}
			if err := g.each(both); err != nil {
				t.Fatal(err)
			}
			want, err := one.Eval(0, images)
			if err != nil {
				t.Fatal(err)
			}
			z, err := one.Logits(0, images)
			if err != nil {
				t.Fatal(err)
			}
			if err := g.each(func(rank int, p engine.Program) error {
				m, err := p.Eval(0, images)
				if err != nil {
					return err
				}
				if m.Images != want.Images || m.Errors != want.Errors || !(math.Abs(m.Loss-want.Loss) <= 1e-12*want.Loss) {
					t.Errorf("card %d: %+v, one card %+v", rank, m, want)
				}
				have, err := p.Logits(0, images)
				for i := range z {
					if err == nil && math.Float32bits(have[i]) != math.Float32bits(z[i]) {
						return fmt.Errorf("logit %d of card %d is %g, of one card %g", i, rank, have[i], z[i])
					}
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
