package enginetest

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
)

// The networks of testdata/correlate were trained by shake for a few epochs. Their correlations are
// numpy's corrcoef of the activations that PyTorch makes of the weights:
// tools/vectors/correlate.py.
//
//go:embed testdata/correlate
var correlateData embed.FS

// correlated is NAME.json: numpy's corrcoef over the test images, pair by pair.
type correlated struct {
	Weights []struct {
		Name   string
		Shape  []int
		Values []float32
	}
	Pairs []struct {
		Block       string
		Left, Right int
		Layers      [2]int
		Correlation float64
	}
}

// correlate: branches are compared as PyTorch and numpy compare them, in one call or in several.
func correlate(t *testing.T, b engine.Backend) {
	for _, name := range []string{"two", "three", "plain"} {
		t.Run(name, func(t *testing.T) {
			spec, want := correlateCase(t, name)
			g, err := graph.Build(spec)
			if err != nil {
				t.Fatal(err)
			}
			g, pairs := graph.Correlations(g)
			p, err := b.Compile(g, engine.ConfigOf(spec))
			if err != nil {
				t.Fatalf("Compile: %v", err)
			}
			defer p.Close()
			test := pictures(spec, 1000, spec.Data.TestImages)
			if err := p.Load(nil, test); err != nil {
				t.Fatal(err)
			}
			if err := p.SetState(want.state(spec.Train.Replicas)); err != nil {
				t.Fatal(err)
			}
			whole := moments(t, p, 0, test.N)
			if len(whole) != len(pairs) || len(pairs) != len(want.Pairs) {
				t.Fatalf("moments of %d pairs of %d, and numpy has %d", len(whole), len(pairs), len(want.Pairs))
			}
			parts := moments(t, p, 0, 3)
			for i, m := range moments(t, p, 3, test.N) {
				parts[i].Merge(m)
			}
			for i, w := range want.Pairs {
				k := pairs[i]
				if have := fmt.Sprint(g.Blocks[k.Block].Name, k.Left, k.Right, k.LeftLayer, k.RightLayer); have != fmt.Sprint(w.Block, w.Left, w.Right, w.Layers[0], w.Layers[1]) {
					t.Fatalf("pair %d: want %+v, have %s", i, w, have)
				}
				if c := whole[i].Correlation(); !(math.Abs(c-w.Correlation) <= 1e-6) {
					t.Errorf("%+v: have %.9f", w, c)
				}
				if c := parts[i].Correlation(); whole[i].N != parts[i].N || !(math.Abs(c-w.Correlation) <= 1e-6) {
					t.Errorf("%+v: in two parts %.9f", w, c)
				}
			}
		})
	}
}

func moments(t *testing.T, p engine.Program, lo, hi int) []engine.Moments {
	t.Helper()
	m, err := p.(engine.Correlator).Correlate(lo, hi)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func correlateCase(t *testing.T, name string) (*dsl.Spec, *correlated) {
	t.Helper()
	dir, err := fs.Sub(correlateData, "testdata/correlate")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := (&dsl.Loader{Builtin: dir}).Load(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(dir, name+".json")
	if err != nil {
		t.Fatal(err)
	}
	c := new(correlated)
	if err := json.Unmarshal(text, c); err != nil {
		t.Fatal(err)
	}
	return spec, c
}

// state is the weights for SetState, running statistics for every replica.
func (c *correlated) state(replicas int) (ts []engine.Tensor) {
	for _, w := range c.Weights {
		x := engine.Tensor{Name: w.Name, Shape: w.Shape, F32: w.Values}
		if !strings.Contains(w.Name, ".running_") {
			ts = append(ts, x)
			continue
		}
		for r := range replicas {
			x.Name = fmt.Sprintf("replica%d/%s", r, w.Name)
			ts = append(ts, x)
		}
	}
	return ts
}
