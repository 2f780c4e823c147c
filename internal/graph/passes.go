package graph

import "slices"

// Option restricts the merging of Passes.
type Option int

// Apart merges no operations that read different channels, be they of one value. Every branch then
// has values of its own behind its first conv, and no conv has a group for each branch.
const Apart Option = 1

// Passes applies every pass in order and returns the graph that engines run. align is the number of
// channels whose multiples a backend can address as the beginning of a piece of a value (1 if any;
// a blocked layout's block). g must be valid and stays as it is.
//
// Merge and Norms alternate to a fixed point: convs that read one value merge, so their norms
// normalise adjacent channels of one value and merge, so the next convs read one value.
func Passes(g *Graph, align int, options ...Option) *Graph {
	apart := slices.Contains(options, Apart)
	for n := -1; n != len(g.Ops); {
		n = len(g.Ops)
		g = norms(merge(g, align, apart), apart)
	}
	return Recompute(Joins(g))
}
