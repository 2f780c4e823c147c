package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// TestApart: the convs behind the first of each branch have one part each and read a value of their
// own, on every network; operations that read the same channels are merged all the same.
func TestApart(t *testing.T) {
	want := "stages.0.1: relu virtual, conv of 2, norm+relu of 1 virtual, conv of 1, norm of 1 virtual, " +
		"norm+relu of 1 virtual, conv of 1, norm of 1 virtual, join+relu"
	if have := sketch(graph.Passes(build(t, graphtest.Spec("26", 16, 2)), 8, graph.Apart))[2]; have != want {
		t.Errorf("want %s\nhave %s", want, have)
	}
	apart, merged := 0, 0
	for _, spec := range variety() {
		for _, op := range graph.Passes(build(t, spec), 8, graph.Apart).Ops {
			c, ok := op.(*graph.Conv)
			if !ok {
				continue
			}
			for _, p := range c.Parts {
				if p.XOff != 0 || p.C != c.X.C {
					t.Errorf("%s: a conv of channels %d to %d has a part that reads %d from %d on", spec.Name, c.X.Off, c.X.Off+c.X.C, p.C, p.XOff)
				}
			}
			if len(c.Parts) > 1 {
				merged++
			} else {
				apart++
			}
		}
	}
	if apart == 0 || merged == 0 {
		t.Errorf("%d convs of one part, %d of several: want both kinds", apart, merged)
	}
}

// TestBranches: a value with the name of a second or third branch belongs to it, unless it was
// merged with another's; no other value does. (A value that a block alone reads may be its first
// branch's.)
func TestBranches(t *testing.T) {
	for _, spec := range variety() {
		primitive := build(t, spec)
		for _, g := range []*graph.Graph{primitive, graph.Passes(primitive, 8, graph.Apart), graph.Passes(primitive, 8)} {
			for v, have := range g.Branches() {
				name, want := g.Values[v].Name, 0
				if _, rest, ok := strings.Cut(name, ".branches."); ok && !strings.Contains(name, "{") {
					fmt.Sscan(strings.Split(rest, ".")[0], &want)
					want++
				}
				if max(have, 1) != max(want, 1) {
					t.Errorf("%s: %s belongs to branch %d, want %d", spec.Name, name, have, want)
				}
			}
		}
	}
}
