package engine

import (
	"math"
	"slices"
	"testing"

	"shake/internal/graph"
)

func TestInitTensors(t *testing.T) {
	g := &graph.Graph{Params: []graph.Param{
		{Name: "zero", Shape: []int{3}},
		{Name: "one", Shape: []int{3}, Init: graph.Init{Kind: graph.InitOne}},
		{Name: "normal", Shape: []int{50, 3, 3, 31}, Init: graph.Init{Kind: graph.InitNormal, Scale: 0.25}},
		{Name: "uniform", Shape: []int{10, 999}, Init: graph.Init{Kind: graph.InitUniform, Scale: 0.5}},
		{Name: "again", Shape: []int{50, 3, 3, 31}, Init: graph.Init{Kind: graph.InitNormal, Scale: 0.25}},
	}}
	ts := InitTensors(g, 5)
	for i, p := range g.Params {
		if ts[i].Name != p.Name || !slices.Equal(ts[i].Shape, p.Shape) || ts[i].F64 != nil {
			t.Errorf("tensor %d: want %s %v in float32, have %s %v", i, p.Name, p.Shape, ts[i].Name, ts[i].Shape)
		}
	}
	if !slices.Equal(ts[0].F32, []float32{0, 0, 0}) || !slices.Equal(ts[1].F32, []float32{1, 1, 1}) {
		t.Errorf("constants: have %v and %v", ts[0].F32, ts[1].F32)
	}
	for _, c := range []struct {
		i        int
		std, max float64
	}{{2, 0.25, math.Inf(1)}, {3, 0.5 / math.Sqrt(3), 0.5}} {
		mean, square, n := 0.0, 0.0, float64(len(ts[c.i].F32))
		for _, v := range ts[c.i].F32 {
			x := float64(v)
			mean, square = mean+x/n, square+x*x/n
			if math.Abs(x) > c.max {
				t.Fatalf("%s: %v is beyond %v", ts[c.i].Name, x, c.max)
			}
		}
		if math.Abs(mean) > 4*c.std/math.Sqrt(n) || math.Abs(math.Sqrt(square)/c.std-1) > 4/math.Sqrt(2*n) {
			t.Errorf("%s: want mean 0 and deviation %v, have %v and %v", ts[c.i].Name, c.std, mean, math.Sqrt(square))
		}
	}
	if slices.Equal(ts[2].F32, ts[4].F32) {
		t.Error("two parameters start with the same numbers")
	}
	if other := InitTensors(g, 6); slices.Equal(ts[2].F32, other[2].F32) {
		t.Error("two seeds start with the same numbers")
	}
}
