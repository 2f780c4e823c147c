package graph

// Recompute returns g with the outputs of Norm and ReLU virtual where readers can compute them on load: the op's input is stored and every reader
// is a Conv, Join or Head, which take relu?(norm?(x)) of a stored x. A Norm or ReLU of a virtual value is stored, and so is what a Norm
// reads, whose statistics need a pass of their own.
func Recompute(g *Graph) *Graph {
	g = g.Clone()
	readers := g.Readers()
	for _, op := range g.Ops {
		var x Ref
		switch o := op.(type) {
		case *Norm:
			x = o.X
		case *ReLU:
			x = o.X
		default:
			continue
		}
		y, _ := Output(op)
		g.Values[y].Virtual = !g.Values[x.Value].Virtual && g.onLoad(readers[y])
	}
	return g
}

// onLoad says whether all of these ops can recompute what they read.
func (g *Graph) onLoad(ops []int) bool {
	for _, i := range ops {
		switch g.Ops[i].(type) {
		case *Conv, *Join, *Head:
		default:
			return false
		}
	}
	return true
}
