package graph_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shake/dsl"
	"shake/internal/golden"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// paperNet is a row of the table of sizes in docs/paper.md.
type paperNet struct {
	name          string
	family        string
	width, blocks int
	set           string
	parameters    int64
	macs          int64
	mega          string // million MACs, as printed there
	gflop         string // of training one image
	depth         int
}

var paperNets = []paperNet{
	{"26-2x32d", "26", 32, 4, "cifar10", 2_923_162, 426_689_792, "426.7", "2.56", 26},
	{"26-2x64d", "26", 64, 4, "cifar10", 11_653_978, 1_685_506_560, "1685.5", "10.1", 26},
	{"26-2x96d", "26", 96, 4, "cifar10", 26_192_922, 3_776_892_672, "3776.9", "22.7", 26},
	{"resnext29", "resnext", 64, 3, "cifar100", 34_529_700, 5_387_358_208, "5387", "32.3", 29},
	{"resnext29-10", "resnext", 64, 3, "cifar10", 34_437_450, 5_387_266_048, "5387", "32.3", 29},
	{"a", "a", 32, 4, "cifar10", 2_911_962, 425_116_928, "425.1", "2.55", 26},
	{"b", "b", 32, 8, "cifar10", 2_911_962, 425_116_928, "425.1", "2.55", 26},
	{"c", "c", 32, 2, "cifar10", 1_356_474, 198_624_512, "198.6", "1.19", 14},
}

func build(t testing.TB, s *dsl.Spec) *graph.Graph {
	t.Helper()
	g, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := graph.Check(g); err != nil {
		t.Fatalf("built graph: %v", err)
	}
	return g
}

func TestSummarizePaperNets(t *testing.T) {
	for _, n := range paperNets {
		t.Run(n.name, func(t *testing.T) {
			spec := graphtest.Spec(n.family, n.width, n.blocks)
			spec.Data.Set = n.set
			g := build(t, spec)
			checkSummary(t, "primitive", graph.Summarize(g), n)
		})
	}
}

func checkSummary(t *testing.T, form string, s graph.Summary, want paperNet) {
	t.Helper()
	if s.Parameters != want.parameters {
		t.Errorf("%s: parameters: want %d, have %d", form, want.parameters, s.Parameters)
	}
	if s.ForwardMACs != want.macs {
		t.Errorf("%s: MACs: want %d, have %d", form, want.macs, s.ForwardMACs)
	}
	if have := rounded(s.ForwardMACs, 1e6, want.mega); have != want.mega {
		t.Errorf("%s: million MACs: want %s, have %s", form, want.mega, have)
	}
	if have := rounded(s.TrainFLOPsPerImage, 1e9, want.gflop); have != want.gflop {
		t.Errorf("%s: train GFLOP: want %s, have %s", form, want.gflop, have)
	}
	if s.Depth != want.depth {
		t.Errorf("%s: depth: want %d, have %d", form, want.depth, s.Depth)
	}
	var layers, blocks int64
	for _, l := range s.Layers {
		layers += l.Parameters
		if l.Block == "" {
			blocks += l.Parameters
		}
	}
	for _, b := range s.Blocks {
		blocks += b.Parameters
		if b.C == 0 || b.MACs == 0 {
			t.Errorf("%s: block %s is empty: %+v", form, b.Name, b)
		}
	}
	if layers != s.Parameters || blocks != s.Parameters {
		t.Errorf("%s: layers sum to %d parameters, blocks with stem and head to %d, want %d", form, layers, blocks, s.Parameters)
	}
}

// rounded prints n/unit with as many decimals as like has.
func rounded(n int64, unit float64, like string) string {
	decimals := 0
	for i, r := range like {
		if r == '.' {
			decimals = len(like) - i - 1
		}
	}
	return fmt.Sprintf("%.*f", decimals, float64(n)/unit)
}

// TestSummaryJSON holds the keys that scripts read.
func TestSummaryJSON(t *testing.T) {
	text, err := json.Marshal(graph.Summarize(build(t, graphtest.Spec("c", 32, 2))))
	if err != nil {
		t.Fatal(err)
	}
	var have map[string]any
	if err := json.Unmarshal(text, &have); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"parameters": 1356474.0, "forward_macs": 198624512.0, "train_flops_per_image": 1191747072.0, "depth": 14.0}
	for key, n := range want {
		if have[key] != n {
			t.Errorf("%s: want %v, have %v", key, n, have[key])
		}
	}
	layers, _ := have["layers"].([]any)
	if len(layers) == 0 {
		t.Fatalf("want layers, have %v", have["layers"])
	}
	first := map[string]any{"name": "stem.0", "kind": "conv", "c": 16.0, "h": 32.0, "w": 32.0, "kernel_h": 3.0, "kernel_w": 3.0,
		"stride": 1.0, "groups": 1.0, "parameters": 432.0, "macs": 442368.0, "bytes": 65536.0}
	if diff := cmp.Diff(first, layers[0]); diff != "" {
		t.Errorf("first layer (-want +have):\n%s", diff)
	}
}

// TestDotGolden holds Graphviz's text, primitive and fused.
func TestDotGolden(t *testing.T) {
	spec := graphtest.Spec("26", 16, 1)
	spec.Net.Stages = spec.Net.Stages[1:2] // one block, with a two-flow skip
	g := build(t, spec)
	golden.Compare(t, "testdata/26.dot", g.Dot())
	golden.Compare(t, "testdata/26.passes.dot", graph.Passes(g, 16).Dot())
}
