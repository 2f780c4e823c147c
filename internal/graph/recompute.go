package graph

// Recompute returns g with the outputs of Norm and ReLU virtual where every reader is a Conv, Join,
// Correlate or Head, which take relu?(norm?(x)) of a stored x and compute it on load. The input of
// another Norm or ReLU stays stored, so the value behind a virtual one is always stored.
func Recompute(g *Graph) *Graph {
	g = g.Clone()
	readers := g.Readers()
	for _, op := range g.Ops {
		switch o := op.(type) {
		case *Norm:
			g.Values[o.Y].Virtual = g.onLoad(readers[o.Y])
		case *ReLU:
			g.Values[o.Y].Virtual = g.onLoad(readers[o.Y])
		}
	}
	return g
}

// onLoad says whether all of these ops can recompute their inputs.
func (g *Graph) onLoad(ops []int) bool {
	for _, i := range ops {
		switch g.Ops[i].(type) {
		case *Conv, *Join, *Correlate, *Head:
		default:
			return false
		}
	}
	return true
}
