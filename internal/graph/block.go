package graph

import (
	"fmt"

	"shake/dsl"
)

// stage appends stage s to x: a transition in front of every stage but the first, and the blocks.
// The transition takes the stage's stride, or the first block where there is none.
func (b *builder) stage(s int, st dsl.Stage, n *dsl.Net, shake dsl.Shake, x ValueID) ValueID {
	first := st.Stride
	if s > 0 && len(n.Transition) > 0 {
		x = b.layers(fmt.Sprintf("stages.%d.transition", s), n.Transition, x, st.Width, st.Stride)
		first = 1
	}
	for i := range st.Blocks {
		stride := 1
		if i == 0 {
			stride = first
		}
		x = b.block(fmt.Sprintf("stages.%d.%d", s, i), n, shake, st.WidthOf(i), stride, x)
	}
	return x
}

// block appends y = After(Skip(x) + sum of a_k * Branch_k(Before(x))). A skip that changes the
// shape reads Before(x), the others x. With dsl.SkipConcat the sum stands behind x.
func (b *builder) block(name string, n *dsl.Net, shake dsl.Shake, width, stride int, x ValueID) ValueID {
	join := &Join{Block: len(b.g.Blocks)}
	b.g.Blocks = append(b.g.Blocks, Block{Name: name, Branches: n.Branches, Shake: shake})
	z := b.layers(name+".before", n.Before, x, width, stride)
	for k := range n.Branches {
		y := b.layers(branchName(name, k), n.Branch, z, width, stride)
		join.Branches = append(join.Branches, b.all(y))
	}
	out := b.g.Values[join.Branches[0].Value]
	if n.Skip == dsl.SkipConcat {
		join.Y = b.value(name+".sum", width, out.H, out.W)
		b.op(join)
		y := b.value(name, b.g.Values[x].C+width, out.H, out.W)
		b.op(&Concat{Xs: []Ref{b.all(x), b.all(join.Y)}, Y: y})
		return y
	}
	if n.Skip != dsl.SkipNone {
		from := x
		if b.g.Values[x].C != width || stride != 1 {
			from = b.skip(name+".skip", n, width, stride, z)
		}
		skip := b.all(from)
		join.Skip = &skip
	}
	y := b.value(name, width, out.H, out.W)
	join.Y = y
	b.op(join)
	return b.layers(name+".after", n.After, y, width, stride)
}

// branchName is the beginning of the names of a block's branch.
func branchName(block string, branch int) string {
	return fmt.Sprintf("%s.branches.%d", block, branch)
}

// skip appends the skip's operations where the block changes channels or stride.
func (b *builder) skip(name string, n *dsl.Net, width, stride int, x ValueID) ValueID {
	switch n.Skip {
	case dsl.SkipList:
		return b.layers(name, n.SkipLayers, x, width, stride)
	case dsl.SkipTwoFlow:
		return b.twoFlow(name, width, stride, x)
	}
	return b.norm(name+".bn", b.conv(name+".conv", pointwise(width, stride), x))
}

// twoFlow appends the two-flow skip (docs/paper.md, Networks): ReLU, then flow A (every stride-th
// pixel) and flow B (the same of the map shifted one pixel right and down), each through its own
// Conv1x1 to half the width, concatenated A first, then BN.
func (b *builder) twoFlow(name string, width, stride int, x ValueID) ValueID {
	r := b.relu(name+".relu", x)
	v := b.g.Values[r]
	h, w := windows(v.H, 1, 0, stride), windows(v.W, 1, 0, stride)
	var flows []Ref
	for shift, flow := range []string{".a", ".b"} {
		sub := b.value(name+flow+".subsample", v.C, h, w)
		b.op(&Subsample{X: b.all(r), Y: sub, Stride: stride, Shift: shift})
		flows = append(flows, b.all(b.conv(name+flow, pointwise(width/2, 1), sub)))
	}
	y := b.value(name+".concat", width, h, w)
	b.op(&Concat{Xs: flows, Y: y})
	return b.norm(name+".bn", y)
}

func pointwise(out, stride int) dsl.Layer {
	return dsl.Layer{Kind: dsl.Conv, R: 1, S: 1, Out: out, Groups: 1, Stride: stride}
}
