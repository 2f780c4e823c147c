package graph

import (
	"fmt"
	"math"

	"shake/dsl"
)

// Error is a broken invariant of a graph.
type Error struct {
	Where  string // layer or value: "stages.1.0.branches.0.2"
	Detail string // the value wanted and the value found
}

// Error returns "graph: where: detail".
func (e *Error) Error() string { return "graph: " + e.Where + ": " + e.Detail }

func errorf(where, format string, args ...any) error {
	return &Error{Where: where, Detail: fmt.Sprintf(format, args...)}
}

// Build returns the primitive graph of a resolved Spec: one operation a word, in the order of the
// forward pass (in a block: the branches one after another, then the skip, then the join),
// parameters named as Param says and numbered in the same order.
//
// Initialisation is the recipe's (docs/paper.md): conv weights N(0, sqrt(2/(R*S*K))) with K the
// layer's total output channels, grouped or not; BN gamma 1 and beta 0; linear weight
// U(-1/sqrt(in), 1/sqrt(in)), bias 0.
//
// Shapes are inferred in one place, dsl/shape.go, which knows the line of the file that is wrong. A
// Spec that a Loader returned is right; one made in Go is held to the same rules by Spec.Check. So
// here every layer fits. The error is that of Spec.Check.
func Build(spec *dsl.Spec) (*Graph, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	b := &builder{g: &Graph{Name: spec.Name, Classes: spec.Classes()}}
	b.g.Input = b.value("input", spec.Data.Channels, spec.Data.Size, spec.Data.Size)
	x := b.layers("stem", spec.Net.Stem, b.g.Input, 0, 0)
	for s, st := range spec.Net.Stages {
		x = b.stage(s, st, &spec.Net, spec.Shake, x)
	}
	for i := range b.g.Blocks {
		if spec.Shake.Forward == dsl.Drop {
			b.g.Blocks[i].Open = spec.Shake.Open(i, len(b.g.Blocks))
		}
	}
	b.head(spec.Net.Head, x)
	return b.g, nil
}

// builder appends values, parameters and operations to a graph.
type builder struct {
	g        *Graph
	dropouts int // so far
}

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

// layers appends a list of words, NAME.0, NAME.1 and so on.
func (b *builder) layers(name string, ls []dsl.Layer, x ValueID, width, stride int) ValueID {
	for i, l := range ls {
		x = b.layer(fmt.Sprintf("%s.%d", name, i), l, x, width, stride)
	}
	return x
}

// layer appends one word that is neither the head's avgpool nor linear. width is the default of a
// conv's output channels and stride that of a layer that takes it; both are 0 outside blocks, where
// a conv says its own.
func (b *builder) layer(name string, l dsl.Layer, x ValueID, width, stride int) ValueID {
	if l.LeftOut(stride) {
		return x
	}
	if l.TakesStride {
		l.Stride = stride
	}
	v := b.g.Values[x]
	switch l.Kind {
	case dsl.BN:
		return b.norm(name, x)
	case dsl.ReLU:
		return b.relu(name, x)
	case dsl.MaxPool, dsl.AvgPool:
		y := b.value(name, v.C, windows(v.H, l.R, l.Pad, l.Stride), windows(v.W, l.S, l.Pad, l.Stride))
		b.op(&Pool{X: b.all(x), Y: y, Max: l.Kind == dsl.MaxPool, R: l.R, S: l.S, Stride: l.Stride, Pad: l.Pad})
		return y
	case dsl.Dropout:
		y := b.value(name, v.C, v.H, v.W)
		b.op(&Dropout{X: b.all(x), Y: y, Rate: l.Rate, Index: b.dropouts})
		b.dropouts++
		return y
	case dsl.Widen:
		if v.C == width {
			return x
		}
		y := b.value(name, width, v.H, v.W)
		b.op(&Widen{X: b.all(x), Y: y})
		return y
	}
	l.Out, l.Groups = l.Channels(width, v.C), l.GroupCount(width, v.C)
	return b.conv(name, l, x)
}

// conv appends a convolution of Out channels with bias-free weights NAME.weight.
func (b *builder) conv(name string, l dsl.Layer, x ValueID) ValueID {
	v := b.g.Values[x]
	y := b.value(name, l.Out, windows(v.H, l.R, l.Pad, l.Stride), windows(v.W, l.S, l.Pad, l.Stride))
	std := math.Sqrt(2 / float64(l.R*l.S*l.Out))
	w := b.param(name+".weight", Init{InitNormal, std}, l.Out, v.C/l.Groups, l.R, l.S)
	part := ConvPart{W: w, C: v.C, K: l.Out, Groups: l.Groups, R: l.R, S: l.S, PadH: l.Pad, PadW: l.Pad}
	b.op(&Conv{X: b.all(x), Y: y, Stride: l.Stride, Parts: []ConvPart{part}})
	return y
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

// head appends the layers before the pooling as they are written, and avgpool and linear, the last
// two, as one Head.
func (b *builder) head(layers []dsl.Layer, x ValueID) {
	last := len(layers) - 1
	x = b.layers("head", layers[:last-1], x, 0, 0)
	name, c := fmt.Sprintf("head.%d", last), b.g.Values[x].C
	w := b.param(name+".weight", Init{InitUniform, 1 / math.Sqrt(float64(c))}, b.g.Classes, c)
	bias := b.param(name+".bias", Init{Kind: InitZero}, b.g.Classes)
	b.op(&Head{X: b.all(x), W: w, Bias: bias})
}
