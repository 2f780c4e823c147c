package graph

import "strings"

// layersCompared is the number of layers of a branch that Correlations compares: those of the
// paper's Figure 4.
const layersCompared = 3

// Pair is the two sides of one Correlate: two branches of a block, at their outputs, or at one
// layer of each.
type Pair struct {
	Block                 int // index of Graph.Blocks
	Left, Right           int // branches, Left < Right
	LeftLayer, RightLayer int // from 1; both 0: the outputs
}

// Correlations returns a copy of a primitive graph that compares the branches of every block
// (section 3 of the paper), and the pair of each of its Correlate operations, in their order: for
// every two branches of a block their outputs, which the join multiplies (Figure 3), and each of
// the first three layers of the one with each of the other's (Figure 4).
//
// The layers of a branch count from its first convolution on: the output of a convolution is one,
// and so is the output of the words between it and the next convolution, or the end of the branch.
// In relu, conv, bn, relu, conv, bn layer 1 is the first convolution, layer 2 the ReLU of its BN,
// layer 3 the second convolution. A branch may have fewer than three. Layers of different shapes,
// as around a stride, have no correlation: there is no operation for them.
func Correlations(g *Graph) (*Graph, []Pair) {
	c := g.Clone()
	c.Ops = nil
	def := map[ValueID]Op{}
	var pairs []Pair
	for _, op := range g.Ops {
		if y, ok := Output(op); ok {
			def[y] = op
		}
		if j, ok := op.(*Join); ok {
			pairs = append(pairs, c.compare(j, def)...)
		}
		c.Ops = append(c.Ops, cloneOp(op))
	}
	return c, pairs
}

// compare appends the operations of one block, in front of its join.
func (g *Graph) compare(j *Join, def map[ValueID]Op) (pairs []Pair) {
	add := func(p Pair, a, b Ref) {
		v, w := g.Values[a.Value], g.Values[b.Value]
		if v.C, w.C = a.C, b.C; shape(v) == shape(w) {
			g.Ops = append(g.Ops, &Correlate{A: a, B: b})
			pairs = append(pairs, p)
		}
	}
	var layers [][]Ref
	for k, branch := range j.Branches {
		layers = append(layers, g.branchLayers(j.Block, k, branch, def))
	}
	for left := range j.Branches {
		for right := left + 1; right < len(j.Branches); right++ {
			add(Pair{Block: j.Block, Left: left, Right: right}, j.Branches[left], j.Branches[right])
			for a, x := range layers[left] {
				for b, y := range layers[right] {
					add(Pair{j.Block, left, right, a + 1, b + 1}, x, y)
				}
			}
		}
	}
	return pairs
}

// branchLayers are the first layers of a branch, from its first convolution on.
func (g *Graph) branchLayers(block, branch int, end Ref, def map[ValueID]Op) []Ref {
	var ops []Op // of the branch, last first
	for at := end.Value; strings.HasPrefix(g.Values[at].Name, branchName(g.Blocks[block].Name, branch)+"."); {
		op := def[at]
		ops = append(ops, op)
		at = Inputs(op)[0].Value
	}
	var layers []Ref
	for i := len(ops) - 1; i >= 0; i-- {
		_, conv := ops[i].(*Conv)
		next := true // the layer ends here
		if !conv && i > 0 {
			_, next = ops[i-1].(*Conv)
		}
		if (conv || len(layers) > 0) && next && len(layers) < layersCompared {
			y, _ := Output(ops[i])
			layers = append(layers, Ref{Value: y, C: g.Values[y].C})
		}
	}
	return layers
}
