package graph_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"shake/internal/graph"
	"shake/internal/graph/graphtest"
	"shake/nets"
)

// TestNetsAreThePapers: the built-in TOML files have the sizes of docs/paper.md, and are the very
// graphs that the other tests here make by hand.
func TestNetsAreThePapers(t *testing.T) {
	for _, n := range paperNets {
		if n.name == "resnext29-10" {
			continue // a variant of resnext29, not a file
		}
		t.Run(n.name, func(t *testing.T) {
			spec, err := nets.Load(n.name)
			if err != nil {
				t.Fatal(err)
			}
			g := build(t, spec)
			checkSummary(t, n.name, graph.Summarize(g), n)

			hand := graphtest.Spec(n.family, n.width, n.blocks)
			hand.Data.Set, hand.Name, hand.Train.Replicas = n.set, spec.Name, spec.Train.Replicas
			if diff := cmp.Diff(build(t, hand).String(), g.String()); diff != "" {
				t.Errorf("(-by hand +%s.toml):\n%s", n.name, diff)
			}
		})
	}
}

// TestEveryNetBuilds: every built-in network builds, and so does its fused graph.
func TestEveryNetBuilds(t *testing.T) {
	for _, name := range nets.Names() {
		spec, err := nets.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := graph.Check(graph.Passes(build(t, spec), 16)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRivals holds the networks that the paper and its successors are compared with to their
// published sizes.
func TestRivals(t *testing.T) {
	for _, c := range []struct {
		net        string
		set        string
		parameters int64
		depth      int
		over       []string
	}{
		{"resnext29-16x64d", "cifar10", 68_155_210, 29, nil},
		{"resnet20", "cifar10", 269_722, 20, nil},
		{"resnet20", "cifar10", 853_018, 56, []string{"net.stage[1].blocks=9", "net.stage[2].blocks=9", "net.stage[3].blocks=9"}},
		{"resnet110", "cifar10", 1_727_962, 110, nil},
		{"pyramidnet-shakedrop", "cifar100", 28_511_307, 110, nil},
		{"wrn28-10", "cifar10", 36_479_194, 26, nil},
		{"wrn28-10", "cifar100", 36_536_884, 26, nil},
		{"preact-resnet18", "cifar10", 11_172_170, 18, nil},
		{"resnext29-8x64d", "cifar10", 34_426_698, 29, nil},
		{"densenet-bc-100-12", "cifar10", 769_162, 100, nil},
		{"densenet-bc-190-40", "cifar10", 25_624_430, 190, nil},
	} {
		spec, err := nets.Load(c.net, append(c.over, "data.set="+c.set)...)
		if err != nil {
			t.Fatal(err)
		}
		if s := graph.Summarize(build(t, spec)); s.Parameters != c.parameters || s.Depth != c.depth {
			t.Errorf("%s on %s: %d parameters and depth %d, want %d and %d", c.net, c.set, s.Parameters, s.Depth, c.parameters, c.depth)
		}
	}
}

// TestDenseSummary: a block's output is its input and 12 channels more. It stores 4x12 channels of
// its first conv and 12 of its second, which stand once more behind the others.
func TestDenseSummary(t *testing.T) {
	spec, err := nets.Load("densenet-bc-100-12")
	if err != nil {
		t.Fatal(err)
	}
	s := graph.Summarize(graph.Passes(build(t, spec), 16))
	if len(s.Blocks) != 48 {
		t.Fatalf("%d blocks", len(s.Blocks))
	}
	for i, b := range s.Blocks {
		first, side := []int{24, 108, 150}[i/16], 32>>(i/16)
		c := first + 12*(i%16+1)
		bytes := int64(4 * (48 + 12 + 12) * side * side)
		if b.C != c || b.H != side || b.Bytes != bytes {
			t.Errorf("%s: %d channels of %dx%d and %d bytes, want %d of %dx%d and %d", b.Name, b.C, b.H, b.W, b.Bytes, c, side, side, bytes)
		}
	}
}
