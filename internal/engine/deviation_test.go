package engine_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/ref"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
	"shake/nets"
)

// The tests named TestDeviation_... keep the mistakes of other implementations of the paper away.
// This file has mistakes in a network's structure and in the draws; enginetest has mistakes that a
// program shows, package train mistakes of the loop.

// shakeNets are the built-in pre-activation networks with two-flow skips.
var shakeNets = []string{"26-2x32d", "26-2x64d", "26-2x96d"}

func build(t *testing.T, name string) *graph.Graph {
	t.Helper()
	spec, err := nets.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// kinds lists the operations from a value back to where the chain forks or to the named value:
// "Norm Concat", "ReLU".
func kinds(g *graph.Graph, from graph.ValueID, until string) string {
	producer := map[graph.ValueID]graph.Op{}
	for _, op := range g.Ops {
		if y, ok := graph.Output(op); ok {
			producer[y] = op
		}
	}
	var words []string
	for g.Values[from].Name != until {
		op := producer[from]
		words = append(words, strings.TrimPrefix(fmt.Sprintf("%T", op), "*graph."))
		inputs := graph.Inputs(op)
		if len(inputs) != 1 {
			break
		}
		from = inputs[0].Value
	}
	return strings.Join(words, " ")
}

func joins(g *graph.Graph) []*graph.Join {
	var out []*graph.Join
	for _, op := range g.Ops {
		if j, ok := op.(*graph.Join); ok {
			out = append(out, j)
		}
	}
	return out
}

func valueID(t *testing.T, g *graph.Graph, name string) graph.ValueID {
	t.Helper()
	for i, v := range g.Values {
		if v.Name == name {
			return graph.ValueID(i)
		}
	}
	t.Fatalf("%s: no value %s", g.Name, name)
	return 0
}

// TestDeviation_ShiftLeft: flow B reads the pixel above and to the left of flow A's, zeros entering
// in row and column 0.
func TestDeviation_ShiftLeft(t *testing.T) {
	g, err := graph.Build(graphtest.Spec("26", 4, 1))
	if err != nil {
		t.Fatal(err)
	}
	var params [][]float64
	for _, p := range engine.InitTensors(g, 1) {
		w := make([]float64, len(p.F32))
		for i, v := range p.F32 {
			w[i] = float64(v)
		}
		params = append(params, w)
	}
	x := make([]float64, 3*32*32)
	for i := range x {
		x[i] = math.Sin(float64(i * i))
	}
	alpha, beta := ref.Draws(g, 1, 0, 1, 1)
	pass, err := ref.Train(g, params, ref.Batch{N: 1, X: x, Labels: []int{0}, Replicas: 1, Alpha: alpha, Beta: beta})
	if err != nil {
		t.Fatal(err)
	}
	for stage, stride := range []int{1, 2, 2} {
		name := fmt.Sprintf("stages.%d.0.skip.", stage)
		from := g.Values[valueID(t, g, name+"relu")]
		for flow, shift := range map[string]int{"a": 0, "b": 1} {
			to := g.Values[valueID(t, g, name+flow+".subsample")]
			in, out := pass.Value(from.Name), pass.Value(to.Name)
			for i, have := range out {
				c, row, column := i/(to.H*to.W), i/to.W%to.H*stride-shift, i%to.W*stride-shift
				want := 0.0
				if row >= 0 && column >= 0 {
					want = in[(c*from.H+row)*from.W+column]
				}
				if have != want {
					t.Fatalf("%s[%d]: want %v, of row %d and column %d of %s, have %v", to.Name, i, want, row, column, from.Name, have)
				}
			}
		}
	}
}

// TestDeviation_SkipWithoutReLUOrBN: the skip of every block that changes the shape is ReLU, two
// subsampled convs, concat, BN.
func TestDeviation_SkipWithoutReLUOrBN(t *testing.T) {
	for _, net := range shakeNets {
		g := build(t, net)
		for _, block := range []int{0, 4, 8} {
			name := g.Blocks[block].Name + ".skip."
			j := joins(g)[block]
			if have := kinds(g, j.Skip.Value, ""); have != "Norm Concat" {
				t.Errorf("%s %s: want the skip to end in Norm Concat, read backward, have %s", net, name, have)
			}
			input := "stem.1"
			if block > 0 {
				input = g.Blocks[block-1].Name
			}
			for _, flow := range []string{"a", "b"} {
				if have := kinds(g, valueID(t, g, name+flow), input); have != "Conv Subsample ReLU" {
					t.Errorf("%s %s%s: want Conv Subsample ReLU, read backward, have %s", net, name, flow, have)
				}
			}
		}
	}
}

// TestDeviation_NoSkipInStage1: the first block of the first stage widens 16 channels with stride
// 1, through two flows like the others.
func TestDeviation_NoSkipInStage1(t *testing.T) {
	for _, net := range shakeNets {
		g := build(t, net)
		for _, name := range []string{"stages.0.0.skip.a", "stages.0.0.skip.b"} {
			if v := g.Values[valueID(t, g, name)]; v.H != 32 || v.W != 32 {
				t.Errorf("%s %s: want a map of 32x32, have %dx%d", net, name, v.H, v.W)
			}
		}
	}
}

// TestDeviation_ReLUAfterStem: the first block reads the raw output of the stem's BN.
func TestDeviation_ReLUAfterStem(t *testing.T) {
	for _, net := range append([]string{"a", "b"}, shakeNets...) {
		g := build(t, net)
		if have := kinds(g, valueID(t, g, "stages.0.0.branches.0.0"), "input"); have != "ReLU Norm Conv" {
			t.Errorf("%s: want the first branch to begin ReLU Norm Conv, read backward to the input, have %s", net, have)
		}
	}
	g := build(t, "c")
	if have := kinds(g, valueID(t, g, "stages.0.0.branches.0.0"), "input"); have != "ReLU Conv" {
		t.Errorf("c: want the first branch to begin ReLU Conv, read backward to the input, have %s", have)
	}
}

// TestDeviation_NoReLUBeforeHead: pre-activation nets end in a ReLU, and no BN, before the pooling.
func TestDeviation_NoReLUBeforeHead(t *testing.T) {
	for _, net := range append([]string{"a", "b", "c"}, shakeNets...) {
		g := build(t, net)
		head := g.Ops[len(g.Ops)-1].(*graph.Head)
		if have := kinds(g, head.X.Value, g.Blocks[len(g.Blocks)-1].Name); have != "ReLU" {
			t.Errorf("%s: want one ReLU between the last block and the pooling, have %q", net, have)
		}
	}
}

// TestDeviation_ConvBias: every bias belongs to a BN or to the classifier.
func TestDeviation_ConvBias(t *testing.T) {
	for _, net := range nets.Names() {
		g := build(t, net)
		allowed := map[graph.ParamID]bool{}
		for _, op := range g.Ops {
			switch o := op.(type) {
			case *graph.Norm:
				for _, part := range o.Parts {
					allowed[part.Beta] = true
				}
			case *graph.Head:
				allowed[o.Bias] = true
			}
		}
		for id, p := range g.Params {
			if strings.HasSuffix(p.Name, ".bias") != allowed[graph.ParamID(id)] {
				t.Errorf("%s: %s: want biases in BN and classifier alone", net, p.Name)
			}
		}
	}
}

// coefficients draws alpha of one block for n images in two replicas.
func coefficients(branches int, level dsl.Level, n int) [][]float64 {
	b := graph.Block{Branches: branches, Shake: dsl.Shake{Forward: dsl.Shaken, Level: level, Range: [2]float64{0, 1}}}
	alpha, beta := make([][]float64, branches), make([][]float64, branches)
	for k := range alpha {
		alpha[k], beta[k] = make([]float64, n), make([]float64, n)
	}
	engine.Draw(1, 0, 0, b, n, 2, alpha, beta)
	return alpha
}

// TestDeviation_RatioDraw: coefficients are uniform on the simplex, each with mean 1/K and variance
// (K-1)/(K^2 (K+1)): 1/12 for two branches, where u1/(u1+u2) has 0.68 of it. The tolerance is five
// standard errors.
func TestDeviation_RatioDraw(t *testing.T) {
	const n = 20000
	for _, branches := range []int{2, 3, 6} {
		k := float64(branches)
		wantMean, wantVar := 1/k, (k-1)/(k*k*(k+1))
		for branch, coef := range coefficients(branches, dsl.Image, n) {
			mean, variance, fourth := 0.0, 0.0, 0.0
			for _, a := range coef {
				mean += a / n
			}
			for _, a := range coef {
				variance += math.Pow(a-mean, 2) / n
				fourth += math.Pow(a-mean, 4) / n
			}
			if math.Abs(mean-wantMean) > 5*math.Sqrt(wantVar/n) || math.Abs(variance-wantVar) > 5*math.Sqrt((fourth-variance*variance)/n) {
				t.Errorf("branch %d of %d: want mean %.4f and variance %.4f, have %.4f and %.4f", branch, branches, wantMean, wantVar, mean, variance)
			}
		}
	}
}

// TestDeviation_SameDrawOnEveryRank: replicas draw apart, at either level.
func TestDeviation_SameDrawOnEveryRank(t *testing.T) {
	for _, level := range []dsl.Level{dsl.Image, dsl.Batch} {
		a := coefficients(2, level, 8)[0]
		for i := range 4 {
			if a[i] == a[4+i] {
				t.Errorf("level %v: image %d of both replicas has the coefficient %v", level, i, a[i])
			}
		}
	}
}
