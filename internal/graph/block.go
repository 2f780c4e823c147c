package graph

import (
	"fmt"

	"shake/dsl"
)

// stage appends the blocks of stage s to x. The first block takes the stage's stride.
func (b *builder) stage(s int, st dsl.Stage, n *dsl.Net, shake dsl.Shake, x ValueID) (ValueID, error) {
	var err error
	for i := 0; i < st.Blocks; i++ {
		stride := 1
		if i == 0 {
			stride = st.Stride
		}
		name := fmt.Sprintf("stages.%d.%d", s, i)
		if x, err = b.block(name, n, shake, st.Width, stride, x); err != nil {
			return 0, err
		}
	}
	return x, nil
}

// block appends y = After(Skip(x) + sum of a_k * Branch_k(x)).
func (b *builder) block(name string, n *dsl.Net, shake dsl.Shake, width, stride int, x ValueID) (ValueID, error) {
	join := &Join{Block: len(b.g.Blocks)}
	b.g.Blocks = append(b.g.Blocks, Block{Name: name, Branches: n.Branches, Shake: shake})
	if stride > 1 && !takesStride(n.Branch) {
		return 0, errorf(name, "the stride is %d, but no conv of the branch takes it", stride)
	}
	for k := 0; k < n.Branches; k++ {
		y, err := b.branch(fmt.Sprintf("%s.branches.%d", name, k), n.Branch, width, stride, x)
		if err != nil {
			return 0, err
		}
		join.Branches = append(join.Branches, b.all(y))
	}
	out := b.g.Values[join.Branches[0].Value]
	if n.Skip != dsl.SkipNone {
		y, err := b.skip(name+".skip", n.Skip, width, stride, x)
		if err != nil {
			return 0, err
		}
		if v := b.g.Values[y]; v.H != out.H || v.W != out.W {
			return 0, errorf(name, "the branches end in %dx%d maps and the skip in %dx%d", out.H, out.W, v.H, v.W)
		}
		ref := b.all(y)
		join.Skip = &ref
	}
	join.Y = b.value(name, width, out.H, out.W)
	b.op(join)
	y := join.Y
	for i, l := range n.After {
		if l.Kind != dsl.ReLU {
			return 0, errorf(fmt.Sprintf("%s.after.%d", name, i), "only relu may follow the sum")
		}
		y = b.relu(fmt.Sprintf("%s.after.%d", name, i), y)
	}
	return y, nil
}

func takesStride(layers []dsl.Layer) bool {
	for _, l := range layers {
		if l.Kind == dsl.Conv && l.TakesStride {
			return true
		}
	}
	return false
}

func (b *builder) branch(name string, layers []dsl.Layer, width, stride int, x ValueID) (ValueID, error) {
	var err error
	for i, l := range layers {
		if x, err = b.layer(fmt.Sprintf("%s.%d", name, i), l, x, width, stride); err != nil {
			return 0, err
		}
	}
	if c := b.g.Values[x].C; c != width {
		return 0, errorf(name, "the branch ends in %d channels and the stage is %d wide", c, width)
	}
	return x, nil
}

// skip appends what the skip does where the block changes channels or stride; elsewhere it is x itself.
func (b *builder) skip(name string, kind dsl.SkipKind, width, stride int, x ValueID) (ValueID, error) {
	v := b.g.Values[x]
	if v.C == width && stride == 1 {
		return x, nil
	}
	switch kind {
	case dsl.SkipIdentity:
		return 0, errorf(name, "an identity skip cannot go from %d to %d channels with stride %d; use conv or two-flow", v.C, width, stride)
	case dsl.SkipConv:
		y, err := b.conv(name+".conv", pointwise(width, stride), x)
		if err != nil {
			return 0, err
		}
		return b.norm(name+".bn", y), nil
	case dsl.SkipTwoFlow:
		return b.twoFlow(name, width, stride, x)
	}
	return 0, errorf(name, "unknown kind of skip %d", kind)
}

// twoFlow appends the two-flow skip (docs/paper.md, Networks): ReLU, then flow A (every stride-th pixel) and flow B (the same of the map shifted one
// pixel right and down), each through its own Conv1x1 to half the width, concatenated A first, then BN.
func (b *builder) twoFlow(name string, width, stride int, x ValueID) (ValueID, error) {
	if width%2 != 0 {
		return 0, errorf(name, "a two-flow skip gives each flow half of the channels, and %d is odd", width)
	}
	r := b.relu(name+".relu", x)
	v := b.g.Values[r]
	h, w := (v.H-1)/stride+1, (v.W-1)/stride+1
	var flows []Ref
	for shift, flow := range []string{".a", ".b"} {
		sub := b.value(name+flow+".subsample", v.C, h, w)
		b.op(&Subsample{X: b.all(r), Y: sub, Stride: stride, Shift: shift})
		y, err := b.conv(name+flow, pointwise(width/2, 1), sub)
		if err != nil {
			return 0, err
		}
		flows = append(flows, b.all(y))
	}
	y := b.value(name+".concat", width, h, w)
	b.op(&Concat{Xs: flows, Y: y})
	return b.norm(name+".bn", y), nil
}

func pointwise(out, stride int) dsl.Layer {
	return dsl.Layer{Kind: dsl.Conv, R: 1, S: 1, Out: out, Groups: 1, Stride: stride}
}
