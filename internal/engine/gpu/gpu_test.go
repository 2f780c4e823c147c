package gpu_test

import (
	"math"
	"strings"
	"testing"

	"shake/csrc/emu"
	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/cpu"
	"shake/internal/engine/enginetest"
	"shake/internal/engine/gpu"
	"shake/internal/exhaustive"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

func TestMain(m *testing.M) {
	if !exhaustive.On() {
		emu.Unchecked()
	}
	emu.Main(m)
}

// require skips the test without a card or the emulator, for which hundreds of kernels are compiled
// the first time.
func require(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("kernels for the emulator take minutes to compile: not with -short")
	}
	emu.Require(t)
}

// TestSuite holds the engine to the contract of every backend and to PyTorch's vectors.
func TestSuite(t *testing.T) {
	require(t)
	enginetest.Run(t, gpu.Backend{Precision: "fp32"}, enginetest.Float32, "groups", "post-activation", "ragged", "recipe", "shake-s-s")
}

const batch = 6

// program compiles s for two replicas and gives it images and the seed's weights.
func program(t *testing.T, b engine.Backend, s *dsl.Spec) engine.Program {
	t.Helper()
	return programWith(t, b, s, true)
}

func programWith(t *testing.T, b engine.Backend, s *dsl.Spec, deterministic bool) engine.Program {
	t.Helper()
	g, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Compile(g, engine.Config{Seed: 3, Batch: batch, Replicas: 2, Momentum: 0.9, Nesterov: true, WeightDecay: 1e-3, Flip: true, Crop: 4, Deterministic: deterministic})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	im := enginetest.Noise(2*batch, g.Classes)
	if err := p.Load(im, im); err != nil {
		t.Fatal(err)
	}
	if err := p.SetState(engine.InitTensors(g, 3)); err != nil {
		t.Fatal(err)
	}
	return p
}

// train runs iterations from..to-1; every third batch is ragged.
func train(t *testing.T, p engine.Program, lr float64, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		index := make([]int32, batch)
		for j := range index {
			index[j] = int32((i + 3*j) % (2 * batch))
		}
		if i%3 == 2 {
			index = index[:batch-1]
		}
		if err := p.Step(engine.Step{Iteration: uint32(i), Index: index, LR: lr}); err != nil {
			t.Fatal(err)
		}
	}
}

func state(t *testing.T, p engine.Program) []engine.Tensor {
	t.Helper()
	ts, err := p.State()
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

// differs names the first difference in bits between two states; "" if they are the same.
func differs(have, want []engine.Tensor) string {
	for i, w := range want {
		for j, v := range w.F32 {
			if math.Float32bits(have[i].F32[j]) != math.Float32bits(v) {
				return w.Name
			}
		}
	}
	return ""
}

// distance is the distance of all parameters together, relative to their own norm.
func distance(have, want []engine.Tensor, params int) float64 {
	diff, norm := 0.0, 0.0
	for i := range params {
		for j, w := range want[i].F32 {
			d := float64(have[i].F32[j]) - float64(w)
			diff, norm = diff+d*d, norm+float64(w)*float64(w)
		}
	}
	return math.Sqrt(diff / norm)
}

func params(t *testing.T, s *dsl.Spec) int {
	g, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return len(g.Params)
}

// A step in one graph has the bits of a step whose launches are made one by one, ragged batches
// included.
func TestGraphsSameBits(t *testing.T) {
	require(t)
	for _, f := range []string{"26", "resnext"} {
		t.Run(f, func(t *testing.T) {
			if f != "26" {
				exhaustive.Only(t)
			}
			s := graphtest.Small(f, 16, 1)
			graphs, eager := program(t, gpu.Backend{Precision: "bf16"}, s), program(t, gpu.Backend{Precision: "bf16", Eager: true}, s)
			train(t, graphs, 0.05, 0, 7)
			train(t, eager, 0.05, 0, 7)
			if name := differs(state(t, graphs), state(t, eager)); name != "" {
				t.Errorf("%s differs", name)
			}
			h, err := graphs.Metrics(true)
			w, _ := eager.Metrics(true)
			if err != nil || h != w {
				t.Errorf("metrics %+v, want %+v, %v", h, w, err)
			}
			h, err = graphs.Eval(0, 2*batch)
			w, _ = eager.Eval(0, 2*batch)
			if err != nil || h != w {
				t.Errorf("evaluation %+v, want %+v, %v", h, w, err)
			}
		})
	}
}

// A step whose streams do not wait for each other computes something else: the card runs them in
// another order.
func TestMissingEdges(t *testing.T) {
	require(t)
	emu.Only(t)
	s := graphtest.Small("26", 16, 1)
	right, wrong := program(t, gpu.Backend{Precision: "bf16"}, s), program(t, gpu.Backend{Precision: "bf16"}, s)
	if err := gpu.Unordered(wrong); err != nil {
		t.Fatal(err)
	}
	train(t, right, 0.05, 0, 2)
	train(t, wrong, 0.05, 0, 2)
	if differs(state(t, wrong), state(t, right)) == "" {
		t.Error("nothing differs")
	}
}

// Parameters that are updated in parts, beside the backward pass, have the bits of parameters that
// are updated at its end.
func TestUpdatesSameBits(t *testing.T) {
	require(t)
	s := graphtest.Small("26", 16, 1)
	want := program(t, gpu.Backend{Precision: "bf16"}, s)
	updates := gpu.SetBucket(t, 500)
	have := program(t, gpu.Backend{Precision: "bf16"}, s)
	if one, n := updates(want), updates(have); one != 1 || n < 5 {
		t.Fatalf("%d updates, and %d in parts", one, n)
	}
	train(t, have, 0.05, 0, 4)
	train(t, want, 0.05, 0, 4)
	if name := differs(state(t, have), state(t, want)); name != "" {
		t.Errorf("%s differs", name)
	}
}

// Ten steps stay as near to the CPU engine's as the storage type allows. Distances are relative to
// the parameters, which the steps move by a per cent. The rate is low, because a net this small on
// six images turns a rounding into a thousandfold difference within a few large steps.
func TestPrecisions(t *testing.T) {
	require(t)
	for _, c := range []struct {
		precision string
		limit     float64
		why       string
	}{
		{"fp32", 1e-5, "another order of sums of 1e3 products rounded to 6e-8"},
		{"tf32", 2e-3, "factors rounded to 2^-11, in every convolution"},
		{"fp16", 1e-3, "activations and factors rounded to 2^-11"},
		{"bf16", 3e-3, "activations and factors rounded to 2^-8"},
	} {
		for _, f := range []string{"26", "resnext"} {
			if f == "resnext" && c.precision == "fp16" {
				continue // the arithmetic is that of tf32, the storage that of 26
			}
			t.Run(c.precision+"/"+f, func(t *testing.T) {
				if f != "26" {
					exhaustive.Only(t)
				}
				s := graphtest.Small(f, 16, 1)
				have, want := program(t, gpu.Backend{Precision: c.precision}, s), program(t, cpu.Backend{}, s)
				start, n := state(t, want), params(t, s)
				train(t, have, 0.005, 0, 10)
				train(t, want, 0.005, 0, 10)
				end := state(t, want)
				d, moved := distance(state(t, have), end, n), distance(end, start, n)
				t.Logf("%.2g apart after moving %.2g", d, moved)
				if !(d <= c.limit) || moved < 2*c.limit {
					t.Errorf("after ten steps %.2g apart, want %.2g at most (%s), and less than half of the way, %.2g", d, c.limit, c.why, moved)
				}
				h, err := have.Metrics(true)
				w, _ := want.Metrics(true)
				if err != nil || math.Abs(h.Loss-w.Loss) > c.limit*w.Loss || h.Images != w.Images {
					t.Errorf("metrics %+v, want %+v, %v", h, w, err)
				}
				z, err := have.Logits(0, 2*batch)
				if err != nil || len(z) != 20*batch {
					t.Errorf("%d logits, %v", len(z), err)
				}
			})
		}
	}
}

// A checkpoint of either engine continues in the other, in the middle of a run.
func TestCheckpointsSwap(t *testing.T) {
	require(t)
	s := graphtest.Small("26", 16, 1)
	n := params(t, s)
	alone := program(t, cpu.Backend{}, s)
	train(t, alone, 0.005, 0, 6)
	want := state(t, alone)
	for name, pair := range map[string][2]engine.Backend{
		"cpu to gpu": {cpu.Backend{}, gpu.Backend{Precision: "fp32"}},
		"gpu to cpu": {gpu.Backend{Precision: "fp32"}, cpu.Backend{}},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := program(t, pair[0], s), program(t, pair[1], s)
			train(t, first, 0.005, 0, 3)
			if err := second.SetState(state(t, first)); err != nil {
				t.Fatal(err)
			}
			if name := differs(state(t, second), state(t, first)); name != "" {
				t.Errorf("%s changed on the way", name)
			}
			train(t, second, 0.005, 3, 6)
			have := state(t, second)
			if d := distance(have, want, n); !(d < 1e-5) {
				t.Errorf("after six steps %.2g apart", d)
			}
			if d := distance(have[2*n:], want[2*n:], len(want)-2*n); !(d < 1e-5) {
				t.Errorf("running statistics are %.2g apart", d)
			}
		})
	}
}

// Under fp16 a step whose gradients overflow changes only the loss scale. The scale falls until
// gradients are finite again; the loss is the loss of the images all the while.
func TestLossScale(t *testing.T) {
	require(t)
	p := program(t, gpu.Backend{Precision: "fp16"}, graphtest.Small("26", 16, 1))
	var head engine.Tensor
	for _, x := range state(t, p) {
		if x.Name == "head.2.weight" {
			head = x
		}
	}
	for i := range head.F32 {
		head.F32[i] *= 1000
	}
	if err := p.SetState([]engine.Tensor{head}); err != nil {
		t.Fatal(err)
	}
	n := params(t, graphtest.Small("26", 16, 1))
	weights := func() []engine.Tensor { return state(t, p)[:n] }
	start := weights()
	train(t, p, 1e-4, 0, 1)
	if name := differs(weights(), start); name != "" {
		t.Fatalf("a step with infinite gradients changed %s", name)
	}
	steps := 1
	for ; steps < 25 && differs(weights(), start) == ""; steps++ {
		train(t, p, 1e-4, steps, steps+1)
	}
	if differs(weights(), start) == "" {
		t.Errorf("no step counts after %d", steps)
	}
	m, err := p.Metrics(true)
	if err != nil || m.BadStep != -1 || m.Images < steps*(batch-1) {
		t.Errorf("after %d steps %+v, %v", steps, m, err)
	}
	t.Logf("step %d counted", steps)

	// The scale is part of the state: a program with the state takes the same steps, while a
	// program with the first scale would skip some.
	q := program(t, gpu.Backend{Precision: "fp16"}, graphtest.Small("26", 16, 1))
	middle := state(t, p)
	if err := q.SetState(middle); err != nil {
		t.Fatal(err)
	}
	train(t, p, 1e-4, steps, steps+3)
	train(t, q, 1e-4, steps, steps+3)
	if name := differs(state(t, q), state(t, p)); name != "" {
		t.Errorf("in a program that took over, %s differs", name)
	}
	last := middle[len(middle)-1]
	if last.Name != "engine/loss_scale" || last.F32[0] >= 65536 {
		t.Errorf("%s is %v at the end of the state, want the loss scale, below the first one", last.Name, last.F32)
	}
	for _, bad := range [][]float32{{0, 1}, {-1, 0}, {float32(math.Inf(1)), 0}, {float32(math.NaN()), 0}, {1, -1}} {
		if err := q.SetState([]engine.Tensor{{Name: last.Name, Shape: last.Shape, F32: bad}}); err == nil || !strings.Contains(err.Error(), "loss_scale") {
			t.Errorf("a loss scale of %v: %v", bad, err)
		}
	}
}
