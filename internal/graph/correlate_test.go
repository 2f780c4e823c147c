package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shake/dsl"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// comparisons lists the pairs that are compared in a block: branches, layers, and the words whose
// outputs they are, counted within their branches.
func comparisons(t *testing.T, s *dsl.Spec, block string) (out []string) {
	t.Helper()
	g, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	before := g.String()
	g, pairs := graph.Correlations(g)
	if err := graph.Check(g); err != nil {
		t.Fatal(err)
	}
	i := 0
	for at, op := range g.Ops {
		c, ok := op.(*graph.Correlate)
		if !ok {
			continue
		}
		p := pairs[i]
		if i++; g.Blocks[p.Block].Name != block {
			continue
		}
		word := func(r graph.Ref, branch int) string {
			w, ok := strings.CutPrefix(g.Values[r.Value].Name, fmt.Sprintf("%s.branches.%d.", block, branch))
			if !ok || r.C != g.Values[r.Value].C {
				t.Fatalf("%+v compares %+v of %s", p, r, g.Values[r.Value].Name)
			}
			return w
		}
		out = append(out, fmt.Sprintf("%d-%d L%dR%d: %s %s", p.Left, p.Right, p.LeftLayer, p.RightLayer, word(c.A, p.Left), word(c.B, p.Right)))
		joined := slices.IndexFunc(g.Ops, func(o graph.Op) bool { j, ok := o.(*graph.Join); return ok && j.Block == p.Block })
		if at > joined {
			t.Errorf("%+v is compared after its block's join", p)
		}
	}
	if i != len(pairs) {
		t.Errorf("%d operations, %d pairs", i, len(pairs))
	}
	if built, _ := graph.Build(s); built.String() != before {
		t.Error("the graph given was changed")
	}
	return out
}

// TestCorrelations: a convolution ends a layer, and so does the last word in front of the next one.
func TestCorrelations(t *testing.T) {
	three := graphtest.Spec("b", 8, 1)
	three.Net.Branches = 3
	shared := graphtest.Spec("26", 8, 1)
	shared.Net.Branch = append([]dsl.Layer{{Kind: dsl.BN}}, shared.Net.Branch...)
	for _, c := range []struct {
		name, block string
		spec        *dsl.Spec
		want        []string
	}{
		{"the paper's", "stages.1.0", graphtest.Spec("26", 8, 1), []string{"0-1 L0R0: 5 5",
			"0-1 L1R1: 1 1", "0-1 L1R2: 1 3", "0-1 L1R3: 1 4", "0-1 L2R1: 3 1", "0-1 L2R2: 3 3", "0-1 L2R3: 3 4", "0-1 L3R1: 4 1", "0-1 L3R2: 4 3", "0-1 L3R3: 4 4"}},
		{"words in front of the first convolution", "stages.0.0", shared, []string{"0-1 L0R0: 6 6",
			"0-1 L1R1: 2 2", "0-1 L1R2: 2 4", "0-1 L1R3: 2 5", "0-1 L2R1: 4 2", "0-1 L2R2: 4 4", "0-1 L2R3: 4 5", "0-1 L3R1: 5 2", "0-1 L3R2: 5 4", "0-1 L3R3: 5 5"}},
		{"no BN: the third layer is the output", "stages.0.0", graphtest.Spec("c", 8, 1), []string{"0-1 L0R0: 3 3",
			"0-1 L1R1: 1 1", "0-1 L1R2: 1 2", "0-1 L1R3: 1 3", "0-1 L2R1: 2 1", "0-1 L2R2: 2 2", "0-1 L2R3: 2 3", "0-1 L3R1: 3 1", "0-1 L3R2: 3 2", "0-1 L3R3: 3 3"}},
		{"two layers, three branches", "stages.2.0", three, []string{
			"0-1 L0R0: 2 2", "0-1 L1R1: 1 1", "0-1 L1R2: 1 2", "0-1 L2R1: 2 1", "0-1 L2R2: 2 2",
			"0-2 L0R0: 2 2", "0-2 L1R1: 1 1", "0-2 L1R2: 1 2", "0-2 L2R1: 2 1", "0-2 L2R2: 2 2",
			"1-2 L0R0: 2 2", "1-2 L1R1: 1 1", "1-2 L1R2: 1 2", "1-2 L2R1: 2 1", "1-2 L2R2: 2 2"}},
		{"a stride between layers", "stages.1.0", graphtest.Spec("resnext", 4, 1), []string{"0-1 L0R0: 7 7",
			"0-1 L1R1: 0 0", "0-1 L1R2: 0 2", "0-1 L2R1: 2 0", "0-1 L2R2: 2 2", "0-1 L3R3: 3 3"}},
	} {
		if d := cmp.Diff(c.want, comparisons(t, c.spec, c.block)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

// TestCorrelationsOneBranch: a single branch has none to be compared with.
func TestCorrelationsOneBranch(t *testing.T) {
	s := graphtest.Spec("26", 8, 1)
	s.Net.Branches = 1
	s.Shake.Forward, s.Shake.Backward = dsl.Even, dsl.Even
	if have := comparisons(t, s, "stages.0.0"); have != nil {
		t.Errorf("compared: %q", have)
	}
}

// TestCorrelatePrints: the operation prints after the passes, on the values that are left, and in
// Graphviz's language.
func TestCorrelatePrints(t *testing.T) {
	g, err := graph.Build(graphtest.Spec("26", 8, 1))
	if err != nil {
		t.Fatal(err)
	}
	g, pairs := graph.Correlations(g)
	fused := graph.Passes(g, 8)
	if err := graph.Check(fused); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(fused.String(), "correlate("); n != len(pairs) {
		t.Errorf("%d lines of %d operations:\n%s", n, len(pairs), fused)
	}
	want := "correlate(stages.1.0.branches.{0.5,1.5}[0:16], stages.1.0.branches.{0.5,1.5}[16:32])\n"
	if !strings.Contains(fused.String(), want) {
		t.Errorf("no %s in\n%s", want, fused)
	}
	if n := strings.Count(fused.Dot(), "label=\"correlate\""); n != len(pairs) {
		t.Errorf("%d nodes of %d operations", n, len(pairs))
	}
	if n := len(graph.Summarize(fused).Layers); n != len(graph.Summarize(graph.Passes(mustBuild(t, graphtest.Spec("26", 8, 1)), 8)).Layers) {
		t.Errorf("comparisons count as layers: %d", n)
	}
}

func mustBuild(t *testing.T, s *dsl.Spec) *graph.Graph {
	t.Helper()
	g, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
