package graph_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shake/dsl"
	"shake/internal/golden"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// TestBuildGolden holds the primitive graph of every family: words in order, names, shapes.
func TestBuildGolden(t *testing.T) {
	for _, family := range graphtest.Families {
		golden.Compare(t, "testdata/"+family+".txt", build(t, graphtest.Spec(family, 4, 1)).String())
	}
}

// TestTwoFlowEverywhere: the first block of every stage has the two-flow skip, the stride-1 first
// stage included, and no other block has one.
func TestTwoFlowEverywhere(t *testing.T) {
	g := build(t, graphtest.Spec("26", 32, 4))
	have := map[string]bool{}
	for _, p := range g.Params {
		if name, ok := strings.CutSuffix(p.Name, ".skip.b.weight"); ok {
			have[name] = true
		}
	}
	want := map[string]bool{"stages.0.0": true, "stages.1.0": true, "stages.2.0": true}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("blocks with a two-flow skip (-want +have):\n%s", diff)
	}
}

// TestTwoFlowWords: ReLU first; flow A unshifted, flow B shifted by one right and down; BN last.
func TestTwoFlowWords(t *testing.T) {
	g := build(t, graphtest.Spec("26", 32, 1))
	var have []string
	for _, line := range strings.Split(g.String(), "\n") {
		if strings.HasPrefix(line, "stages.1.0.skip") {
			have = append(have, strings.SplitN(line, "= ", 2)[1])
		}
	}
	want := []string{
		"relu(stages.0.0)",
		"subsample(stages.1.0.skip.relu) stride 2 shift 0",
		"conv(stages.1.0.skip.a.subsample) stride 1",
		"subsample(stages.1.0.skip.relu) stride 2 shift 1",
		"conv(stages.1.0.skip.b.subsample) stride 1",
		"concat(stages.1.0.skip.a, stages.1.0.skip.b)",
		"norm(stages.1.0.skip.concat)",
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
}

// TestNoReLUAfterStem: the stem's BN feeds the first block as it is, and the block's skip sees it
// before the branches' ReLU.
func TestNoReLUAfterStem(t *testing.T) {
	g := build(t, graphtest.Spec("26", 16, 1)) // 16 channels: the first block's skip is the identity
	for _, op := range g.Ops {
		if j, ok := op.(*graph.Join); ok {
			if j.Skip == nil || g.Values[j.Skip.Value].Name != "stem.1" {
				t.Fatalf("the first skip is %+v, want all of stem.1", j.Skip)
			}
			return
		}
	}
}

// TestReLUBeforeHead: the last block's sum passes a ReLU before the pooling, and no BN.
func TestReLUBeforeHead(t *testing.T) {
	g := build(t, graphtest.Spec("26", 32, 4))
	n := len(g.Ops)
	sum, isSum := g.Ops[n-3].(*graph.Join)
	relu, isReLU := g.Ops[n-2].(*graph.ReLU)
	head, isHead := g.Ops[n-1].(*graph.Head)
	if !isSum || !isReLU || !isHead || relu.X.Value != sum.Y || head.X.Value != relu.Y {
		t.Errorf("want join, relu, head, have %T, %T, %T", g.Ops[n-3], g.Ops[n-2], g.Ops[n-1])
	}
}

// TestNoConvBias: biases belong to norms and the classifier; a conv owns a weight and nothing else.
func TestNoConvBias(t *testing.T) {
	for _, family := range graphtest.Families {
		g := build(t, graphtest.Spec(family, 4, 1))
		owners, biases := 0, 0
		for _, op := range g.Ops {
			switch op.(type) {
			case *graph.Norm, *graph.Head:
				owners++
			}
		}
		for _, p := range g.Params {
			if strings.HasSuffix(p.Name, ".bias") {
				biases++
			}
		}
		if biases != owners {
			t.Errorf("%s: %d biases for %d norms and heads", family, biases, owners)
		}
	}
}

func TestBuildInit(t *testing.T) {
	params := map[string]graph.Param{}
	for _, p := range build(t, graphtest.Spec("resnext", 8, 1)).Params {
		params[p.Name] = p
	}
	for _, c := range []struct {
		name  string
		shape []int
		init  graph.Init
	}{
		{"stem.0.weight", []int{8, 3, 3, 3}, graph.Init{Kind: graph.InitNormal, Scale: math.Sqrt(2.0 / (9 * 8))}},
		{"stem.1.weight", []int{8}, graph.Init{Kind: graph.InitOne}},
		{"stem.1.bias", []int{8}, graph.Init{Kind: graph.InitZero}},
		// grouped: out is the layer's, not the group's
		{"stages.1.0.branches.1.3.weight", []int{64, 16, 3, 3}, graph.Init{Kind: graph.InitNormal, Scale: math.Sqrt(2.0 / (9 * 64))}},
		{"stages.1.0.skip.conv.weight", []int{64, 32, 1, 1}, graph.Init{Kind: graph.InitNormal, Scale: math.Sqrt(2.0 / 64)}},
		{"stages.1.0.skip.bn.weight", []int{64}, graph.Init{Kind: graph.InitOne}},
		{"head.1.weight", []int{10, 128}, graph.Init{Kind: graph.InitUniform, Scale: 1 / math.Sqrt(128)}},
		{"head.1.bias", []int{10}, graph.Init{Kind: graph.InitZero}},
	} {
		want := graph.Param{Name: c.name, Shape: c.shape, Init: c.init}
		if diff := cmp.Diff(want, params[c.name]); diff != "" {
			t.Errorf("%s (-want +have):\n%s", c.name, diff)
		}
	}
}

// TestBuildErrors: a Spec that was made in Go is held to the rules of the language.
func TestBuildErrors(t *testing.T) {
	for _, c := range []struct {
		name, key, detail string
		family            string
		change            func(*dsl.Spec)
	}{
		{"data set", "data.set", "cifar10", "26", func(s *dsl.Spec) { s.Data.Set = "mnist" }},
		{"no stage", "net.stage", "a list of tables", "26", func(s *dsl.Spec) { s.Net.Stages = nil }},
		{"no branch layer", "net.branch", "a list of layers", "26", func(s *dsl.Spec) { s.Net.Branch = nil }},
		{"no branches", "net.branches", "from 1 to", "26", func(s *dsl.Spec) { s.Net.Branches = 0 }},
		{"width", "net.stage[2].width", "from 1 to", "26", func(s *dsl.Spec) { s.Net.Stages[1].Width = -4 }},
		{"too many layers", "net.stage", "at most 262144 layers", "26", func(s *dsl.Spec) {
			s.Net.Branches, s.Net.Stages[0].Blocks = 64, 1000
		}},
		{"blocks", "net.stage[1].blocks", "from 1 to", "26", func(s *dsl.Spec) { s.Net.Stages[0].Blocks = 0 }},
		{"too many blocks", "net.stage[1].blocks", "from 1 to", "26", func(s *dsl.Spec) { s.Net.Stages[0].Blocks = 1 << 40 }},
		{"stride 0", "net.stage[3].stride", "1 or 2", "26", func(s *dsl.Spec) { s.Net.Stages[2].Stride = 0 }},
		{"stem without out", "net.stem[1]", "output channels", "26", func(s *dsl.Spec) { s.Net.Stem[0].Out = 0 }},
		{"stem conv takes stride", "net.stem[1].stride", "only a block", "26", func(s *dsl.Spec) { s.Net.Stem[0].TakesStride = true }},
		{"pool in stem", "net.stem[2]", "avgpool", "26", func(s *dsl.Spec) { s.Net.Stem[1].Kind = dsl.AvgPool }},
		{"unknown layer", "net.stem[2]", "?", "26", func(s *dsl.Spec) { s.Net.Stem[1].Kind = 77 }},
		{"linear in branch", "net.branch[6]", "linear", "26", func(s *dsl.Spec) { s.Net.Branch[5].Kind = dsl.Linear }},
		{"groups in", "net.branch[2].groups", "a divisor of 16 input and 4 output", "26", func(s *dsl.Spec) { s.Net.Branch[1].Groups = 3 }},
		{"groups out", "net.stem[1].groups", "a divisor of 3 input and 16 output", "26", func(s *dsl.Spec) { s.Net.Stem[0].Groups = 3 }},
		{"groups 0", "net.stem[1].groups", "from 1 to", "26", func(s *dsl.Spec) { s.Net.Stem[0].Groups = 0 }},
		{"kernel 0", "net.stem[1].conv", "kernel", "26", func(s *dsl.Spec) { s.Net.Stem[0].R = 0 }},
		{"kernel too large", "net.branch[5]", "fits into a 4×4 map", "26", func(s *dsl.Spec) { s.Net.Stem[0].Stride = 8; s.Net.Branch[4].R, s.Net.Branch[4].Pad = 9, 0 }},
		{"maps differ", "net.branch", "4×32×32 like the skip's in stage 1, have 4×30×30", "26", func(s *dsl.Spec) { s.Net.Branch[1].Pad = 0 }},
		{"channels differ", "net.branch[5]", "4 channels in stage 1, have 6", "26", func(s *dsl.Spec) { s.Net.Branch[4].Out = 6 }},
		{"nobody takes the stride", "net.branch", "takes the stage's stride 2", "a", func(s *dsl.Spec) { s.Net.Branch[1].TakesStride = false }},
		{"identity", "net.skip", "changes the shape from 16×32×32 to 4×32×32", "26", func(s *dsl.Spec) { s.Net.Skip = dsl.SkipIdentity }},
		{"unknown skip", "net.skip", "?", "26", func(s *dsl.Spec) { s.Net.Skip = 9 }},
		{"odd two-flow", "net.stage[1].width", "even", "26", func(s *dsl.Spec) { s.Net.Stages[0].Width = 5 }},
		{"after", "net.after[1]", "relu", "resnext", func(s *dsl.Spec) { s.Net.After[0].Kind = dsl.BN }},
		{"head without pool", "net.head", `want "avgpool" before "linear"`, "26", func(s *dsl.Spec) { s.Net.Head = s.Net.Head[:1] }},
		{"two pools", "net.head[2]", "a second", "26", func(s *dsl.Spec) { s.Net.Head[0].Kind = dsl.AvgPool }},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := graphtest.Spec(c.family, 4, 1)
			c.change(spec)
			_, err := graph.Build(spec)
			var es dsl.Errors
			if !errors.As(err, &es) {
				t.Fatalf("want dsl.Errors, have %v", err)
			}
			if es[0].Key != c.key || !strings.Contains(es[0].Error(), c.detail) {
				t.Errorf("want %q at %s, have: %v", c.detail, c.key, err)
			}
		})
	}
}
