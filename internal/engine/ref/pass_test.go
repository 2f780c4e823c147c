package ref

import (
	"math"
	"strings"
	"testing"

	"shake/internal/engine"
	"shake/internal/graph"
)

// TestTrainErrors: an input that does not fit the graph is an error that says what is wanted.
func TestTrainErrors(t *testing.T) {
	g := everyOp()
	params := func() [][]float64 {
		var out [][]float64
		for _, p := range g.Params {
			out = append(out, make([]float64, int(p.Elements())))
		}
		return out
	}
	const in = 4 * 7 * 6
	draws := [][][]float64{{{.5, .5}, {.5, .5}}}
	good := Batch{N: 2, X: make([]float64, 2*in), Labels: []int{0, 2}, Replicas: 1, Alpha: draws, Beta: draws}
	if _, err := Train(g, params(), good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(b *Batch, p [][]float64) [][]float64
		want   string
	}{
		{"no images", func(b *Batch, p [][]float64) [][]float64 { b.N = 0; return p }, "batch of 1"},
		{"short input", func(b *Batch, p [][]float64) [][]float64 { b.X = b.X[1:]; return p }, "input of 336"},
		{"label too large", func(b *Batch, p [][]float64) [][]float64 { b.Labels = []int{0, 3}; return p }, "want 0..2, have 3"},
		{"labels missing", func(b *Batch, p [][]float64) [][]float64 { b.Labels = b.Labels[1:]; return p }, "2 labels"},
		{"no replicas", func(b *Batch, p [][]float64) [][]float64 { b.Replicas = 0; return p }, "1 replica"},
		{"no alpha", func(b *Batch, p [][]float64) [][]float64 { b.Alpha = nil; return p }, "alpha for 1 blocks"},
		{"short beta", func(b *Batch, p [][]float64) [][]float64 { b.Beta = [][][]float64{{{1}, {1}}}; return p }, "beta for 2 images"},
		{"one branch's beta", func(b *Batch, p [][]float64) [][]float64 { b.Beta = [][][]float64{{{1, 1}}}; return p }, "beta for 2 branches"},
		{"parameter missing", func(b *Batch, p [][]float64) [][]float64 { return p[1:] }, "parameters"},
		{"short parameter", func(b *Batch, p [][]float64) [][]float64 { p[0] = p[0][1:]; return p }, "w3: want 72"},
	} {
		b := good
		p := c.change(&b, params())
		if _, err := Train(g, p, b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want an error with %q, have %v", c.name, c.want, err)
		}
	}
	if _, err := Train(&graph.Graph{}, nil, good); err == nil {
		t.Error("an empty graph: want an error, have none")
	}
	running := Running{"n0": Moments{Mean: make([]float64, 4), Var: make([]float64, 4)}}
	if _, err := Infer(g, params(), running, good.X, 2); err == nil || !strings.Contains(err.Error(), "n1: want running statistics of 4") {
		t.Errorf("statistics missing: have %v", err)
	}
}

// TestNotANumber: an image counts as wrong if the logit of any class is not a number.
func TestNotANumber(t *testing.T) {
	nan := math.NaN()
	for _, z := range [][]float64{{nan, 1}, {1, nan}, {nan, nan}} {
		var m engine.Metrics
		(&program{}).count(&m, &Pass{Logits: [][]float64{z}}, []int{0})
		if m.Images != 1 || m.Errors != 1 || !math.IsNaN(m.Loss) {
			t.Errorf("%v: %+v", z, m)
		}
	}
}
