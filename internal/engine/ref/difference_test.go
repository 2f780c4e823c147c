package ref

import (
	"math"
	"math/rand/v2"
	"testing"

	"shake/dsl"
	"shake/internal/graph"
)

// everyOp is a small graph with every operation in its general form: a merged conv of grouped, 1x1
// and shifted 1x1 parts with stride 2, a norm of two parts with ReLU, references with offsets, a
// shifted subsample, a concat, a join with ReLU.
func everyOp() *graph.Graph {
	const in, merged, normed, left, right, even, odd, skip, out = 0, 1, 2, 3, 4, 5, 6, 7, 8
	value := func(name string, c, h, w int) graph.Value { return graph.Value{Name: name, C: c, H: h, W: w} }
	g := &graph.Graph{Name: "every op", Classes: 3, Input: in, Values: []graph.Value{value("in", 4, 7, 6),
		value("merged", 8, 4, 3), value("normed", 8, 4, 3), value("left", 4, 4, 3), value("right", 4, 4, 3),
		value("even", 4, 4, 3), value("odd", 4, 4, 3), value("skip", 4, 4, 3), value("out", 4, 4, 3)}}
	param := func(name string, shape ...int) graph.ParamID {
		g.Params = append(g.Params, graph.Param{Name: name, Shape: shape})
		return graph.ParamID(len(g.Params) - 1)
	}
	g.Blocks = []graph.Block{{Name: "b", Branches: 2, Shake: dsl.Shake{Range: [2]float64{0, 1}}}}
	g.Ops = []graph.Op{
		&graph.Conv{X: graph.Ref{Value: in, C: 4}, Y: merged, Stride: 2, Parts: []graph.ConvPart{
			{W: param("w3", 4, 2, 3, 3), C: 4, K: 4, Groups: 2, R: 3, S: 3, PadH: 1, PadW: 1},
			{W: param("wa", 2, 4, 1, 1), C: 4, YOff: 4, K: 2, Groups: 1, R: 1, S: 1},
			{W: param("wb", 2, 3, 1, 1), XOff: 1, C: 3, YOff: 6, K: 2, Groups: 1, R: 1, S: 1, PadH: 1, PadW: 1}}},
		&graph.Norm{X: graph.Ref{Value: merged, C: 8}, Y: normed, ReLU: true, Parts: []graph.NormPart{
			{Name: "n0", Gamma: param("n0.weight", 4), Beta: param("n0.bias", 4), C: 4},
			{Name: "n1", Gamma: param("n1.weight", 4), Beta: param("n1.bias", 4), Off: 4, C: 4}}},
		&graph.Conv{X: graph.Ref{Value: normed, C: 4}, Y: left, Stride: 1, Parts: []graph.ConvPart{
			{W: param("wl", 4, 4, 3, 1), C: 4, K: 4, Groups: 1, R: 3, S: 1, PadH: 1}}},
		&graph.ReLU{X: graph.Ref{Value: normed, Off: 4, C: 4}, Y: right},
		&graph.Subsample{X: graph.Ref{Value: in, C: 4}, Y: even, Stride: 2},
		&graph.Subsample{X: graph.Ref{Value: in, C: 4}, Y: odd, Stride: 2, Shift: 1},
		&graph.Concat{Xs: []graph.Ref{{Value: even, Off: 1, C: 3}, {Value: odd, Off: 2, C: 1}}, Y: skip},
		&graph.Join{Branches: []graph.Ref{{Value: left, C: 4}, {Value: right, C: 4}}, Skip: &graph.Ref{Value: skip, C: 4}, Y: out, ReLU: true},
		&graph.Head{X: graph.Ref{Value: out, C: 4}, W: param("fc", 3, 4), Bias: param("fc.bias", 3)},
	}
	return g
}

// windows is a small graph with the operations of windows, of dropout and of widening, of parts of
// their inputs: overlapping maxima and means that reach outside.
func windows() *graph.Graph {
	value := func(name string, c, h, w int) graph.Value { return graph.Value{Name: name, C: c, H: h, W: w} }
	g := &graph.Graph{Name: "windows", Classes: 3, Values: []graph.Value{value("in", 4, 7, 6), value("max", 3, 4, 4),
		value("mean", 2, 4, 3), value("dropped", 2, 4, 3), value("wide", 5, 4, 3), value("out", 5, 4, 3), value("conv", 5, 4, 3)}}
	param := func(name string, shape ...int) graph.ParamID {
		g.Params = append(g.Params, graph.Param{Name: name, Shape: shape})
		return graph.ParamID(len(g.Params) - 1)
	}
	g.Blocks = []graph.Block{{Name: "b", Branches: 1, Shake: dsl.Shake{Range: [2]float64{0, 1}}}}
	g.Ops = []graph.Op{
		&graph.Pool{X: graph.Ref{Value: 0, Off: 1, C: 3}, Y: 1, Max: true, R: 3, S: 2, Stride: 2, Pad: 1},
		&graph.Pool{X: graph.Ref{Value: 1, C: 2}, Y: 2, R: 3, S: 4, Stride: 1, Pad: 1},
		&graph.Dropout{X: graph.Ref{Value: 2, C: 2}, Y: 3, Rate: 0.4, Index: 2},
		&graph.Widen{X: graph.Ref{Value: 3, C: 2}, Y: 4},
		&graph.Conv{X: graph.Ref{Value: 2, C: 2}, Y: 6, Stride: 1, Parts: []graph.ConvPart{{W: param("w", 5, 2, 1, 1), C: 2, K: 5, Groups: 1, R: 1, S: 1}}},
		&graph.Join{Branches: []graph.Ref{{Value: 6, C: 5}}, Skip: &graph.Ref{Value: 4, C: 5}, Y: 5},
		&graph.Head{X: graph.Ref{Value: 5, C: 5}, W: param("fc", 3, 5), Bias: param("fc.bias", 3)},
	}
	return g
}

// TestWindowDifferences is TestFiniteDifferences for windows.
func TestWindowDifferences(t *testing.T) {
	draws := [][][]float64{{{.1, .9, .4, .5, 0}}}
	differences(t, windows(), draws)
}

// TestFiniteDifferences holds every gradient of everyOp, of every parameter and input number,
// against central differences of the loss. The draws are kept, since only then is the backward pass
// the derivative of the forward pass.
func TestFiniteDifferences(t *testing.T) {
	differences(t, everyOp(), [][][]float64{{{.1, .9, .4, .5, 0}, {.9, .1, .6, .5, 1}}})
}

func differences(t *testing.T, g *graph.Graph, draws [][][]float64) {
	src := rand.New(rand.NewPCG(1, 2))
	normal := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = src.NormFloat64()
		}
		return x
	}
	for _, replicas := range []int{1, 2} {
		const n = 5
		smoothing := 0.3 * float64(replicas-1)
		var params [][]float64
		for _, p := range g.Params {
			params = append(params, normal(int(p.Elements())))
		}
		b := Batch{N: n, X: normal(n * 4 * 7 * 6), Labels: []int{0, 2, 1, 1, 0}, Smoothing: smoothing, Others: [][]int{nil, {1, 2, 0, 1, 2}}[replicas-1], Weight: 0.7, Replicas: replicas, Alpha: draws, Beta: draws}
		pass, err := Train(g, params, b)
		if err != nil {
			t.Fatal(err)
		}
		check := func(name string, at, grad []float64) {
			const h = 1e-5
			for i := range at {
				was := at[i]
				at[i] = was + h
				up, _ := Train(g, params, b)
				at[i] = was - h
				down, _ := Train(g, params, b)
				at[i] = was
				if want := (up.Loss() - down.Loss()) / (2 * h); math.Abs(grad[i]-want) > 1e-8 {
					t.Errorf("replicas %d: d loss / d %s[%d]: want %.10g by differences, have %.10g", replicas, name, i, want, grad[i])
				}
			}
		}
		for id, p := range g.Params {
			check(p.Name, params[id], pass.DParams[id])
		}
		check("in", b.X, pass.DInput())
	}
}
