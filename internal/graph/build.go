package graph

import (
	"fmt"
	"math"

	"shake/dsl"
)

// inputC, inputH and inputW are the shape of a normalised CIFAR image.
const inputC, inputH, inputW = 3, 32, 32

// maxChannels, maxPad and maxOps bound what Build accepts, so that a slip of the keyboard is an error and not an hour of
// allocation, and so that no count of parameters or multiplications leaves 63 bits.
const (
	maxChannels = 1 << 16
	maxPad      = 1 << 8
	maxOps      = 1 << 18
)

// Error is a graph that cannot be: a network whose shapes do not fit, or a broken invariant.
type Error struct {
	Where  string // layer or value: "stages.1.0.branches.0.2"
	Detail string // what was wanted and what is there
}

// Error returns "graph: where: detail".
func (e *Error) Error() string { return "graph: " + e.Where + ": " + e.Detail }

func errorf(where, format string, args ...any) error {
	return &Error{Where: where, Detail: fmt.Sprintf(format, args...)}
}

// Build returns the primitive graph of a resolved Spec: one operation a word, in the order of the forward pass (in a
// block: the branches one after another, then the skip, then the join), parameters named as Param says and numbered in the same order.
//
// Initialisation is the recipe's (docs/paper.md): conv weights N(0, sqrt(2/(R*S*K))) with K the layer's total output channels, grouped or
// not; BN gamma 1 and beta 0; linear weight U(-1/sqrt(in), 1/sqrt(in)), bias 0.
//
// Errors are of type *Error and name the layer: a layer where it has no meaning, channels that groups do not divide, a
// kernel larger than its padded input, a branch whose output does not fit the skip's, a two-flow skip of odd width.
func Build(spec *dsl.Spec) (*Graph, error) {
	classes, err := classesOf(spec.Data.Set)
	if err != nil {
		return nil, err
	}
	n := &spec.Net
	if err := plausible(n); err != nil {
		return nil, err
	}
	b := &builder{g: &Graph{Name: spec.Name, Classes: classes, Replica: spec.Train.Replicas}}
	b.g.Input = b.value("input", inputC, inputH, inputW)
	x := b.g.Input
	for i, l := range n.Stem {
		if x, err = b.layer(fmt.Sprintf("stem.%d", i), l, x, 0, 0); err != nil {
			return nil, err
		}
	}
	for s, st := range n.Stages {
		if x, err = b.stage(s, st, n, spec.Shake, x); err != nil {
			return nil, err
		}
	}
	if err := b.head(n.Head, x); err != nil {
		return nil, err
	}
	return b.g, nil
}

func classesOf(set string) (int, error) {
	switch set {
	case "cifar10", "synthetic":
		return 10, nil
	case "cifar100":
		return 100, nil
	}
	return 0, errorf("data.set", "want cifar10, cifar100 or synthetic, have %q", set)
}

// plausible refuses networks that are empty or beyond maxOps before anything is allocated for them.
func plausible(n *dsl.Net) error {
	if len(n.Stages) == 0 {
		return errorf("net.stage", "want at least one stage, have none")
	}
	if len(n.Branch) == 0 {
		return errorf("net.branch", "want at least one layer, have none")
	}
	if n.Branches < 1 || n.Branches > maxOps {
		return errorf("net.branches", "want 1 or more, have %d", n.Branches)
	}
	perBlock, total := n.Branches*len(n.Branch), 0
	for s, st := range n.Stages {
		where := fmt.Sprintf("stages.%d", s)
		if st.Width < 1 || st.Width > maxChannels {
			return errorf(where, "want a width of 1..%d, have %d", maxChannels, st.Width)
		}
		if st.Blocks < 1 {
			return errorf(where, "want at least one block, have %d", st.Blocks)
		}
		if st.Stride < 1 {
			return errorf(where, "want a stride of 1 or more, have %d", st.Stride)
		}
		if st.Blocks > maxOps || total+st.Blocks*perBlock > maxOps {
			return errorf(where, "the network has more than %d operations", maxOps)
		}
		total += st.Blocks * perBlock
	}
	return nil
}

// builder appends values, parameters and operations to a graph.
type builder struct{ g *Graph }

func (b *builder) value(name string, c, h, w int) ValueID {
	b.g.Values = append(b.g.Values, Value{Name: name, C: c, H: h, W: w})
	return ValueID(len(b.g.Values) - 1)
}

func (b *builder) param(name string, init Init, shape ...int) ParamID {
	b.g.Params = append(b.g.Params, Param{Name: name, Shape: shape, Init: init})
	return ParamID(len(b.g.Params) - 1)
}

func (b *builder) op(o Op) { b.g.Ops = append(b.g.Ops, o) }

// all is the reference to every channel of v.
func (b *builder) all(v ValueID) Ref { return Ref{Value: v, C: b.g.Values[v].C} }

// layer appends one word that is neither avgpool nor linear. width is the default of a conv's output channels and
// stride that of a conv that takes it; both are 0 outside blocks, where a conv must say its own.
func (b *builder) layer(name string, l dsl.Layer, x ValueID, width, stride int) (ValueID, error) {
	switch l.Kind {
	case dsl.Conv:
		if l.Out == 0 {
			l.Out = width
		}
		if l.TakesStride {
			l.Stride = stride
		}
		return b.conv(name, l, x)
	case dsl.BN:
		return b.norm(name, x), nil
	case dsl.ReLU:
		return b.relu(name, x), nil
	case dsl.AvgPool, dsl.Linear:
		return 0, errorf(name, "avgpool and linear belong at the end of the head only")
	}
	return 0, errorf(name, "unknown kind of layer %d", l.Kind)
}

// conv appends a convolution of Out channels with bias-free weights NAME.weight.
func (b *builder) conv(name string, l dsl.Layer, x ValueID) (ValueID, error) {
	v := b.g.Values[x]
	switch {
	case l.Out < 1 || l.Out > maxChannels:
		return 0, errorf(name, "want 1..%d output channels, have %d", maxChannels, l.Out)
	case l.Stride < 1:
		return 0, errorf(name, "want a stride of 1 or more, have %d", l.Stride)
	case l.Groups < 1:
		return 0, errorf(name, "want 1 or more groups, have %d", l.Groups)
	case v.C%l.Groups != 0:
		return 0, errorf(name, "%d groups do not divide the %d input channels", l.Groups, v.C)
	case l.Out%l.Groups != 0:
		return 0, errorf(name, "%d groups do not divide the %d output channels", l.Groups, l.Out)
	case l.R < 1 || l.S < 1 || l.Pad < 0 || l.Pad > maxPad:
		return 0, errorf(name, "want a kernel of 1x1 or more and a pad of 0..%d, have %dx%d pad %d", maxPad, l.R, l.S, l.Pad)
	case v.H+2*l.Pad < l.R || v.W+2*l.Pad < l.S:
		return 0, errorf(name, "the %dx%d kernel is larger than its %dx%d input with pad %d", l.R, l.S, v.H, v.W, l.Pad)
	}
	p, q := (v.H+2*l.Pad-l.R)/l.Stride+1, (v.W+2*l.Pad-l.S)/l.Stride+1
	y := b.value(name, l.Out, p, q)
	std := math.Sqrt(2 / float64(l.R*l.S*l.Out))
	w := b.param(name+".weight", Init{InitNormal, std}, l.Out, v.C/l.Groups, l.R, l.S)
	part := ConvPart{W: w, C: v.C, K: l.Out, Groups: l.Groups, R: l.R, S: l.S, PadH: l.Pad, PadW: l.Pad}
	b.op(&Conv{X: b.all(x), Y: y, Stride: l.Stride, Parts: []ConvPart{part}})
	return y, nil
}

func (b *builder) norm(name string, x ValueID) ValueID {
	v := b.g.Values[x]
	y := b.value(name, v.C, v.H, v.W)
	gamma := b.param(name+".weight", Init{Kind: InitOne}, v.C)
	beta := b.param(name+".bias", Init{Kind: InitZero}, v.C)
	b.op(&Norm{X: b.all(x), Y: y, Parts: []NormPart{{Name: name, Gamma: gamma, Beta: beta, C: v.C}}})
	return y
}

func (b *builder) relu(name string, x ValueID) ValueID {
	v := b.g.Values[x]
	y := b.value(name, v.C, v.H, v.W)
	b.op(&ReLU{X: b.all(x), Y: y})
	return y
}

// head appends the layers before the pooling as they are written, and avgpool and linear as one Head.
func (b *builder) head(layers []dsl.Layer, x ValueID) error {
	last := len(layers) - 1
	if last < 1 || layers[last].Kind != dsl.Linear || layers[last-1].Kind != dsl.AvgPool {
		return errorf("head", "want avgpool and linear at its end")
	}
	var err error
	for i, l := range layers[:last-1] {
		if x, err = b.layer(fmt.Sprintf("head.%d", i), l, x, 0, 0); err != nil {
			return err
		}
	}
	name, c := fmt.Sprintf("head.%d", last), b.g.Values[x].C
	w := b.param(name+".weight", Init{InitUniform, 1 / math.Sqrt(float64(c))}, b.g.Classes, c)
	bias := b.param(name+".bias", Init{Kind: InitZero}, b.g.Classes)
	b.op(&Head{X: b.all(x), W: w, Bias: bias})
	return nil
}
