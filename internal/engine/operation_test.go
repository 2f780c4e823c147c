package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"shake/internal/engine"
	"shake/internal/graph/graphtest"
)

// TestGrowingSumsHaveLayers: the sums of a stage's growing gradient belong to the blocks whose
// norms they go back through, one each, and not to the block that the buffer is named after.
func TestGrowingSumsHaveLayers(t *testing.T) {
	const blocks = 5
	p := plan(t, graphtest.Dense(12, blocks), 16)
	sums := map[string]int{}
	for _, o := range p.Operations(1) {
		if first, _, _ := strings.Cut(o.Layer, "."); !slices.Contains([]string{"stages", "stem", "head"}, first) {
			t.Errorf("%s %s is of layer %q", o.Kind, o.Text, o.Layer)
		}
		if o.Kind == "gradsum" {
			sums[o.Layer]++
		}
	}
	for s := range 2 {
		for b := range blocks {
			if name := fmt.Sprintf("stages.%d.%d", s, b); sums[name] != 1 {
				t.Errorf("%d sums of %s, want 1; all: %v", sums[name], name, sums)
			}
		}
	}
}

func TestLayerOf(t *testing.T) {
	for name, want := range map[string]string{
		"stages.1.0.branches.0.1.weight": "stages.1.0", "d stages.1.transition.3 x": "stages.1.transition", "d stem.0 piece": "stem",
		"dx d stages.0.2": "stages.0.2", "v stages.0.0.{branches.0.0,skip.a}": "stages.0.0", "head.3": "head", "input": "input",
	} {
		if have := engine.LayerOf(name); have != want {
			t.Errorf("%q is of layer %q, want %q", name, have, want)
		}
	}
}
