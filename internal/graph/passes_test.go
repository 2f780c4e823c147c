package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shake/dsl"
	"shake/internal/golden"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// passes are all the steps on the way to the graph that engines run; each test of an invariant goes
// through them one at a time.
var passes = []pass{
	{"merge", func(g *graph.Graph, align int, _ ...graph.Option) *graph.Graph { return graph.Merge(g, align) }},
	{"norms", func(g *graph.Graph, _ int, _ ...graph.Option) *graph.Graph { return graph.Norms(g) }},
	{"merge again", func(g *graph.Graph, align int, _ ...graph.Option) *graph.Graph { return graph.Merge(g, align) }},
	{"norms again", func(g *graph.Graph, _ int, _ ...graph.Option) *graph.Graph { return graph.Norms(g) }},
	{"joins", func(g *graph.Graph, _ int, _ ...graph.Option) *graph.Graph { return graph.Joins(g) }},
	{"recompute", func(g *graph.Graph, _ int, _ ...graph.Option) *graph.Graph { return graph.Recompute(g) }},
	{"passes", graph.Passes},
}

type pass struct {
	name string
	run  func(*graph.Graph, int, ...graph.Option) *graph.Graph
}

// TestPassesGolden holds the fused graph of every family at the CPU's alignment, and of the
// patchwork at none.
func TestPassesGolden(t *testing.T) {
	for _, family := range graphtest.Families {
		golden.Compare(t, "testdata/"+family+".passes.txt", graph.Passes(build(t, graphtest.Spec(family, 16, 2)), 16).String())
	}
	golden.Compare(t, "testdata/patchwork.passes.txt", graph.Passes(graphtest.Patchwork(), 1).String())
}

// TestFusedBlocks holds the fused form of a block of each of the paper's networks.
func TestFusedBlocks(t *testing.T) {
	const (
		two = "conv of 2, norm+relu of 2 virtual, conv of 2, norm of 2 virtual, join"
		// The two-flow skip is two parts.
		flows = "conv of 4, norm+relu of 2 virtual, conv of 2, norm of 2 virtual, norm of 1 virtual, join"
		three = "norm+relu of 2 virtual, conv of 2, norm+relu of 2 virtual, conv of 2, norm of 2 virtual"
	)
	for _, c := range []struct {
		family        string
		width, blocks int
		stem          string
		first, later  string // blocks of a stage: the first, the others
		second        string // first block of the stages after the first, where it differs
		last          string // the last block of a stage has this too: its sum's ReLU
	}{
		{family: "26", width: 32, blocks: 4, stem: "conv of 1, norm+relu of 1 virtual",
			first: flows, later: "relu virtual, " + two, last: "+relu"},
		{family: "a", width: 32, blocks: 4, stem: "conv of 1, norm+relu of 1 virtual", first: two + "+relu", later: two + "+relu"},
		{family: "b", width: 32, blocks: 8, stem: "conv of 1, norm+relu of 1 virtual",
			first: "conv of 2, norm of 2 virtual, join+relu", later: "conv of 2, norm of 2 virtual, join+relu"},
		{family: "c", width: 32, blocks: 2, stem: "conv of 1",
			first: "relu virtual, conv of 2, relu virtual, conv of 2, join+relu", second: "conv of 2, relu virtual, conv of 2, join+relu",
			later: "conv of 2, relu virtual, conv of 2, join+relu"},
		// The stride sits on the 3x3, so only the first stage's skip conv shares stride and output
		// size with the branches' 1x1.
		{family: "resnext", width: 64, blocks: 3, stem: "conv of 1, norm+relu of 1 virtual",
			first:  "conv of 3, " + three + ", norm of 1 virtual, join+relu",
			second: "conv of 2, " + three + ", conv of 1, norm of 1 virtual, join+relu",
			later:  "conv of 2, " + three + ", join+relu"},
	} {
		for _, align := range []int{1, 16} {
			t.Run(fmt.Sprintf("%s/%d", c.family, align), func(t *testing.T) {
				g := graph.Passes(build(t, graphtest.Spec(c.family, c.width, c.blocks)), align)
				var want []string
				want = append(want, "stem: "+c.stem)
				for s := range 3 {
					for b := range c.blocks {
						ops := c.later
						if b == 0 {
							ops = c.first
							if s > 0 && c.second != "" {
								ops = c.second
							}
						}
						if b == c.blocks-1 {
							ops += c.last
						}
						want = append(want, fmt.Sprintf("stages.%d.%d: %s", s, b, ops))
					}
				}
				want = append(want, "head: head")
				if diff := cmp.Diff(want, sketch(g)); diff != "" {
					t.Errorf("(-want +have):\n%s", diff)
				}
			})
		}
	}
}

// sketch lists the operations of stem, each block and head.
func sketch(g *graph.Graph) []string {
	var lines []string
	where := ""
	for _, op := range g.Ops {
		at, text := "head", ""
		if y, ok := graph.Output(op); ok {
			words := strings.Split(g.Values[y].Name, ".")
			at = words[0]
			if at == "stages" {
				at = strings.Join(words[:3], ".")
			}
		}
		switch o := op.(type) {
		case *graph.Conv:
			text = fmt.Sprintf("conv of %d", len(o.Parts))
		case *graph.Norm:
			text = fmt.Sprintf("norm%s of %d", plusReLU(o.ReLU), len(o.Parts))
		case *graph.Join:
			text = "join" + plusReLU(o.ReLU)
		default:
			text = strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", op), "*graph."))
		}
		if y, ok := graph.Output(op); ok && g.Values[y].Virtual {
			text += " virtual"
		}
		if at != where {
			lines = append(lines, at+": "+text)
			where = at
		} else {
			lines[len(lines)-1] += ", " + text
		}
	}
	return lines
}

func plusReLU(relu bool) string {
	if relu {
		return "+relu"
	}
	return ""
}

// TestPassesKeep runs every pass one after another over networks of all kinds: each leaves its
// input as it was, makes a valid graph with the same parameters, buffers and multiplications, and
// has nothing left to do the second time.
func TestPassesKeep(t *testing.T) {
	graphs := []*graph.Graph{graphtest.Patchwork()}
	for _, spec := range variety() {
		graphs = append(graphs, build(t, spec))
	}
	for _, g := range graphs {
		for _, align := range []int{1, 16} {
			keep(t, passes, g, align)
			keep(t, passes[len(passes)-1:], g, align, graph.Apart)
		}
	}
}

func keep(t *testing.T, passes []pass, g *graph.Graph, align int, options ...graph.Option) {
	want, built := essence(g), aligned(g, align) == nil
	for _, pass := range passes {
		name := fmt.Sprintf("%s/%d/%s %v", g.Name, align, pass.name, options)
		before := g.String()
		next := pass.run(g, align, options...)
		if g.String() != before {
			t.Fatalf("%s changed its input", name)
		}
		if err := graph.Check(next); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, next)
		}
		if diff := cmp.Diff(want, essence(next)); diff != "" {
			t.Fatalf("%s (-want +have):\n%s", name, diff)
		}
		if err := aligned(next, align); built && err != nil {
			t.Fatalf("%s: %v\n%s", name, err, next)
		}
		g = next
	}
	if again := graph.Passes(g, align, options...); again.String() != g.String() {
		t.Errorf("%s/%d: passes are not idempotent:\n%s", g.Name, align, cmp.Diff(g.String(), again.String()))
	}
}

// variety is networks of every family with 1 to 3 branches, even and uneven widths, odd maps, and
// random lists of words.
func variety() []*dsl.Spec {
	var specs []*dsl.Spec
	for _, family := range graphtest.Families {
		for branches := 1; branches <= 3; branches++ {
			for _, width := range []int{6, 16, 24} {
				s := graphtest.SmallMaps(graphtest.Spec(family, width, 2))
				graphtest.WithBranches(s, branches)
				s.Name = fmt.Sprintf("%s-%dx%d", family, branches, width)
				specs = append(specs, s)
			}
		}
	}
	for seed := range uint64(20) {
		specs = append(specs, graphtest.Random(seed))
	}
	return specs
}

// essence is the facts that no pass may change.
func essence(g *graph.Graph) map[string]string {
	s := graph.Summarize(g)
	m := map[string]string{
		"totals": fmt.Sprint(s.Parameters, s.ForwardMACs, s.Depth),
		"params": fmt.Sprint(g.Params),
		"blocks": fmt.Sprint(g.Blocks),
	}
	for _, op := range g.Ops {
		if n, ok := op.(*graph.Norm); ok {
			for _, p := range n.Parts {
				m["buffers "+p.Name] = fmt.Sprint(p.C, p.Gamma, p.Beta)
			}
		}
	}
	return m
}

// aligned says whether every reference begins at a multiple of align channels.
func aligned(g *graph.Graph, align int) error {
	for _, op := range g.Ops {
		for _, r := range graph.Inputs(op) {
			if r.Off%align != 0 {
				return fmt.Errorf("%T reads %s from channel %d on", op, g.Values[r.Value].Name, r.Off)
			}
		}
	}
	return nil
}

// TestMergeAlign: channels that would begin within a block of 16 stay apart, but for the two flows
// of one skip.
func TestMergeAlign(t *testing.T) {
	for _, c := range []struct {
		width, align int
		want         string
	}{
		{32, 16, "conv of 4, "},
		{24, 1, "conv of 4, "},
		{24, 8, "conv of 4, "},
		{24, 16, "conv of 1, norm+relu of 1 virtual, conv of 1, norm of 1 virtual, conv of 1, norm+relu of 1 virtual, " +
			"conv of 1, norm of 1 virtual, conv of 2, norm of 1 virtual, join"},
		{16, 16, "conv of 4, "},
	} {
		s := graphtest.Spec("26", c.width, 2)
		s.Net.Stem[0].Out = 48 // so that the first block changes its shape at every width
		have := sketch(graph.Passes(build(t, s), c.align))[1]
		if !strings.HasPrefix(have, "stages.0.0: "+c.want) {
			t.Errorf("width %d, align %d: want %s, have %s", c.width, c.align, c.want, have)
		}
	}
}

// TestSummaryAfterPasses: fusing and recomputing change the stored values, not the network's costs.
func TestSummaryAfterPasses(t *testing.T) {
	for _, n := range paperNets {
		spec := graphtest.Spec(n.family, n.width, n.blocks)
		spec.Data.Set = n.set
		g := build(t, spec)
		fused := graph.Summarize(graph.Passes(g, 16))
		checkSummary(t, n.name, fused, n)
		if before := graph.Summarize(g).ActivationBytes; fused.ActivationBytes*10 >= before*6 {
			t.Errorf("%s: %d bytes an image before the passes and %d after: want at most 60 %%", n.name, before, fused.ActivationBytes)
		}
	}
}
