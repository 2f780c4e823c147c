package ref_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"shake/dsl"
	"shake/internal/engine/ref"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// TestPassesKeepTheMathematics runs the primitive graph and the graph after each pass, with the
// same weights, images, labels and draws, in training and in inference: loss, logits, batch
// statistics and the gradients of the input and of every parameter must agree.
func TestPassesKeepTheMathematics(t *testing.T) {
	for _, c := range passCases() {
		g, err := graph.Build(c)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(c.Name, func(t *testing.T) { comparePasses(t, g) })
	}
	t.Run("patchwork", func(t *testing.T) { comparePasses(t, graphtest.Patchwork()) })
}

// passCases are the paper's families with one to three branches at widths that fill blocks of 4 and
// 16 and widths that do not, a few stages only, and networks of random words; all on maps of 10x11
// and less.
func passCases() []*dsl.Spec {
	var specs []*dsl.Spec
	for _, family := range graphtest.Families {
		for branches := 1; branches <= 3; branches++ {
			width := []int{6, 4, 2}[branches-1]
			s := graphtest.Spec(family, width, 1)
			graphtest.WithBranches(s, branches)
			s.Name = fmt.Sprintf("%s-%dx%d", family, branches, width)
			specs = append(specs, s)
		}
		s := graphtest.Spec(family, 16, 2)
		s.Net.Stages = s.Net.Stages[:1]
		s.Net.Stem[0].Out = 8 // the first block changes shape, the second does not
		s.Net.Stages[0].Width, s.Net.Stages[0].Stride = 16, 2
		s.Name += "-2x16"
		specs = append(specs, s)
	}
	for seed := range uint64(12) {
		s := graphtest.Random(seed)
		s.Net.Stages = s.Net.Stages[:2]
		for i := range s.Net.Stages {
			s.Net.Stages[i].Width = min(s.Net.Stages[i].Width, 16)
			s.Net.Stages[i].Blocks = 1
		}
		specs = append(specs, s)
	}
	for _, s := range specs {
		graphtest.SmallMaps(s)
	}
	return specs
}

func comparePasses(t *testing.T, g *graph.Graph) {
	const n, replicas = 3, 2 // 2 images and 1
	params, batch := randomInputs(g, n, replicas)
	want, wantEval := execute(t, g, params, batch, nil)
	done := map[string]bool{g.String(): true} // a graph that came out of another pass already
	for _, pass := range []struct {
		name string
		g    *graph.Graph
	}{
		{"merge align 1", graph.Merge(g, 1)},
		{"merge align 4", graph.Merge(g, 4)},
		{"merge align 16", graph.Merge(g, 16)},
		{"norms", graph.Norms(g)},
		{"joins", graph.Joins(g)},
		{"recompute", graph.Recompute(g)},
		{"all align 1", graph.Passes(g, 1)},
		{"all align 4", graph.Passes(g, 4)},
		{"all align 16", graph.Passes(g, 16)},
		{"apart align 8", graph.Passes(g, 8, graph.Apart)},
	} {
		if done[pass.g.String()] {
			continue
		}
		done[pass.g.String()] = true
		have, haveEval := execute(t, pass.g, params, batch, want.Stats[0])
		diff := &difference{}
		diff.compare("losses", want.Losses, have.Losses)
		diff.compare("input gradient", want.DInput(), have.DInput())
		for i, p := range g.Params {
			diff.compare(p.Name+" gradient", want.DParams[i], have.DParams[i])
		}
		for r, stats := range want.Stats {
			for name, m := range stats {
				diff.compare(fmt.Sprintf("replica %d mean of %s", r, name), m.Mean, have.Stats[r][name].Mean)
				diff.compare(fmt.Sprintf("replica %d variance of %s", r, name), m.Var, have.Stats[r][name].Var)
			}
		}
		for i := range want.Logits {
			diff.compare(fmt.Sprintf("logits of image %d", i), want.Logits[i], have.Logits[i])
			diff.compare(fmt.Sprintf("eval logits of image %d", i), wantEval.Logits[i], haveEval.Logits[i])
		}
		if len(diff.lines) > 0 {
			t.Fatalf("after %s:\n%s\n%s", pass.name, strings.Join(diff.lines, "\n"), pass.g)
		}
	}
}

// execute runs a step of training, and inference with the statistics given (nil: the step's own
// first replica's).
func execute(t *testing.T, g *graph.Graph, params [][]float64, b ref.Batch, running ref.Running) (train, eval *ref.Pass) {
	t.Helper()
	train, err := ref.Train(g, params, b)
	if err != nil {
		t.Fatalf("%v\n%s", err, g)
	}
	if running == nil {
		running = train.Stats[0]
	}
	if eval, err = ref.Infer(g, params, running, b.X, b.N); err != nil {
		t.Fatalf("%v\n%s", err, g)
	}
	return train, eval
}

// randomInputs draws weights of the size that the initialisation gives, norms and biases away from
// 1 and 0, images, labels and coefficients.
func randomInputs(g *graph.Graph, n, replicas int) ([][]float64, ref.Batch) {
	rnd := rand.New(rand.NewPCG(11, 12))
	normal := func(n int, mean, std float64) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = mean + std*rnd.NormFloat64()
		}
		return x
	}
	var params [][]float64
	for _, p := range g.Params {
		mean, std := 0.0, 0.3
		switch p.Init.Kind {
		case graph.InitOne:
			mean = 1
		case graph.InitNormal, graph.InitUniform:
			std = p.Init.Scale
		}
		params = append(params, normal(int(p.Elements()), mean, std))
	}
	in := g.Values[g.Input]
	b := ref.Batch{N: n, X: normal(n*in.C*in.H*in.W, 0, 1), Replicas: replicas}
	for range n {
		b.Labels = append(b.Labels, rnd.IntN(g.Classes))
	}
	b.Alpha, b.Beta = ref.Draws(g, 7, 3, n, replicas)
	return params, b
}

// difference collects tensors that differ by more than the rounding of sums in another order.
type difference struct{ lines []string }

// passTolerance is relative to the largest number of a tensor: a few thousand float64 roundings
// through some tens of layers.
const passTolerance = 1e-10

func (d *difference) compare(name string, want, have []float64) {
	if len(want) != len(have) {
		d.lines = append(d.lines, fmt.Sprintf("%s: want %d numbers, have %d", name, len(want), len(have)))
		return
	}
	scale, worst, at := 1e-6, 0.0, 0
	for i := range want {
		scale = math.Max(scale, math.Abs(want[i]))
		if e := math.Abs(want[i] - have[i]); e > worst || math.IsNaN(e) {
			worst, at = e, i
		}
	}
	if !(worst <= passTolerance*scale) {
		d.lines = append(d.lines, fmt.Sprintf("%s[%d]: want %.12g, have %.12g", name, at, want[at], have[at]))
	}
}
