package graph

// Branches returns for every value the branch that it belongs to, counted from 1: of all branches
// and skips of the joins, this one alone reads it, directly or through operations other than joins.
// 0 means that there is no such branch.
func (g *Graph) Branches() []int {
	def := map[ValueID]Op{}
	for _, op := range g.Ops {
		if y, ok := Output(op); ok {
			def[y] = op
		}
	}
	type way struct{ join, branch int } // branch 0: the skip, or the head
	ways := make([]map[way]bool, len(g.Values))
	var walk func(r Ref, w way)
	walk = func(r Ref, w way) {
		if ways[r.Value][w] {
			return
		}
		if ways[r.Value] == nil {
			ways[r.Value] = map[way]bool{}
		}
		ways[r.Value][w] = true
		op := def[r.Value]
		if _, ok := op.(*Join); ok || op == nil {
			return
		}
		for _, x := range Inputs(op) {
			walk(x, w)
		}
	}
	for i, op := range g.Ops {
		switch o := op.(type) {
		case *Join:
			for k, b := range o.Branches {
				walk(b, way{i, k + 1})
			}
			if o.Skip != nil {
				walk(*o.Skip, way{i, 0})
			}
		case *Head:
			walk(o.X, way{i, 0})
		}
	}
	out := make([]int, len(g.Values))
	for v, all := range ways {
		for w := range all {
			if len(all) == 1 {
				out[v] = w.branch
			}
		}
	}
	return out
}
