package graph_test

import (
	"testing"

	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

func TestPassesGolden(t *testing.T) {
	for _, family := range graphtest.Families {
		g := graph.Passes(build(t, graphtest.Spec(family, 16, 2)), 16)
		if err := graph.Check(g); err != nil {
			t.Errorf("%s: %v", family, err)
		}
		golden(t, family+".passes.txt", g.String())
	}
}
