package cudnn

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestOutputDims(t *testing.T) {
	for _, c := range []struct {
		name string
		x, w []int64
		conv ConvDesc
		want []int64 // nil: refused
	}{
		{"3x3", []int64{128, 64, 32, 32}, []int64{96, 64, 3, 3}, ConvDesc{Pad: [2]int{1, 1}}, []int64{128, 96, 32, 32}},
		{"stride", []int64{1, 8, 7, 8}, []int64{8, 8, 3, 3}, ConvDesc{Pad: [2]int{1, 1}, Stride: [2]int{2, 2}}, []int64{1, 8, 4, 4}},
		{"groups", []int64{2, 8, 5, 5}, []int64{12, 2, 1, 1}, ConvDesc{Groups: 4}, []int64{2, 12, 5, 5}},
		{"dilation", []int64{1, 1, 9, 9}, []int64{1, 1, 3, 3}, ConvDesc{Dilation: [2]int{4, 2}}, []int64{1, 1, 1, 5}},
		{"asymmetric", []int64{1, 1, 4, 4}, []int64{1, 1, 2, 2}, ConvDesc{Pad: [2]int{1, 0}, PadEnd: &[2]int{0, 1}}, []int64{1, 1, 4, 4}},
		{"one row", []int64{1, 3, 1, 5}, []int64{4, 3, 1, 3}, ConvDesc{}, []int64{1, 4, 1, 3}},
		{"too large a window", []int64{1, 1, 2, 2}, []int64{1, 1, 3, 3}, ConvDesc{}, nil},
		{"groups that do not divide", []int64{1, 6, 4, 4}, []int64{4, 1, 1, 1}, ConvDesc{Groups: 4}, nil},
		{"filter of other channels", []int64{1, 6, 4, 4}, []int64{4, 5, 1, 1}, ConvDesc{}, nil},
		{"negative padding", []int64{1, 1, 4, 4}, []int64{1, 1, 1, 1}, ConvDesc{Pad: [2]int{-1, 0}}, nil},
		{"half sums", []int64{1, 1, 4, 4}, []int64{1, 1, 1, 1}, ConvDesc{Compute: F16}, nil},
		{"three dimensions", []int64{1, 1, 4}, []int64{1, 1, 1, 1}, ConvDesc{}, nil},
	} {
		have, err := c.conv.OutputDims(c.x, c.w)
		if (err != nil) != (c.want == nil) || err == nil && !reflect.DeepEqual(have, c.want) {
			t.Errorf("%s: have %v, %v, want %v", c.name, have, err, c.want)
		}
	}
}

func TestGraphCheck(t *testing.T) {
	x, w, conv := NHWC(2, 8, 4, 4, BF16), NHWC(8, 8, 3, 3, BF16), ConvDesc{Pad: [2]int{1, 1}}
	good := func() (*Graph, Ref, Ref) {
		g := NewGraph("test")
		return g, g.Input("x", x), g.Input("w", w)
	}
	for _, c := range []struct {
		name string
		make func() *Graph
		want string // "" means good
	}{
		{"one convolution", func() *Graph { return ConvForwardGraph(x, w, x, conv) }, ""},
		{"a chain", func() *Graph {
			g, x1, w1 := good()
			g.Store("y", g.ReLU(g.Add(g.Conv(x1, w1, conv), g.Input("b", PerChannel(8, F32)))), x)
			return g
		}, ""},
		{"in place", func() *Graph {
			g := NewGraph("test")
			a := g.Input("a", x)
			g.StoreOver(a, g.Add(a, g.Input("b", x)))
			return g
		}, ""},
		{"empty", func() *Graph { return NewGraph("test") }, "no nodes"},
		{"wrong y", func() *Graph { return ConvForwardGraph(x, w, NHWC(2, 8, 4, 5, BF16), conv) }, "want y [2 8 4 4], have [2 8 4 5]"},
		{"wrong groups", func() *Graph { return ConvForwardGraph(x, w, x, ConvDesc{Groups: 3}) }, "3 groups"},
		{"no dimensions", func() *Graph { return ConvForwardGraph(TensorDesc{}, w, x, conv) }, "no type of a tensor"},
		{"integers", func() *Graph { return ConvForwardGraph(NHWC(2, 8, 4, 4, I8), w, x, conv) }, "x is i8"},
		{"wrong compute", func() *Graph { return ConvForwardGraph(x, w, x, ConvDesc{Compute: BF16}) }, "compute bf16"},
		{"stored in another shape", func() *Graph {
			g, x1, w1 := good()
			g.Store("y", g.Conv(x1, w1, conv), NHWC(2, 8, 2, 2, BF16))
			return g
		}, "want [2 8 4 4], the result's dimensions, have [2 8 2 2]"},
		{"not stored", func() *Graph {
			g, x1, w1 := good()
			g.Conv(x1, w1, conv)
			return g
		}, "virtual and never read"},
		{"stored twice", func() *Graph {
			g, x1, w1 := good()
			y := g.Conv(x1, w1, conv)
			g.Store("y", y, x)
			g.Store("z", y, x)
			return g
		}, "stored already"},
		{"unused", func() *Graph {
			g, x1, w1 := good()
			g.Store("y", g.Conv(x1, w1, conv), x)
			g.Input("z", x)
			return g
		}, "z: no node uses it"},
		{"two parts", func() *Graph {
			g, x1, w1 := good()
			g.Store("y", g.Conv(x1, w1, conv), x)
			g.Store("z", g.ReLU(g.Input("u", x)), x)
			return g
		}, "no connection"},
		{"a tensor of another graph", func() *Graph {
			g, _, _ := good()
			g.Conv(1, 99, conv)
			return g
		}, "no tensor 99"},
		{"writes an input", func() *Graph {
			g, x1, _ := good()
			g.Nodes = append(g.Nodes, &Pointwise{Mode: ReLU, X: x1, Y: x1})
			return g
		}, "which is an input"},
		{"reads what comes later", func() *Graph {
			g := NewGraph("test")
			a, b := g.virtual("a", x.Dims, x), g.virtual("b", x.Dims, x)
			g.Nodes = append(g.Nodes, &Pointwise{Mode: ReLU, X: a, Y: b}, &Pointwise{Mode: ReLU, X: b, Y: a})
			return g
		}, "before a node writes it"},
		{"repeats what it cannot", func() *Graph {
			g, x1, _ := good()
			g.Store("y", g.Add(x1, g.Input("b", PerChannel(4, F32))), x)
			return g
		}, "cannot be repeated"},
		{"no such mode", func() *Graph {
			g, x1, _ := good()
			g.Pointwise(PointwiseMode(200), x1, 0)
			return g
		}, "PointwiseMode(200) is no mode"},
		{"one operand too few", func() *Graph {
			g := NewGraph("test")
			g.Store("y", g.Pointwise(Add, g.Input("x", x), 0), x)
			return g
		}, "operand"},
		{"statistics of another width", func() *Graph {
			g, x1, w1 := good()
			v := g.Conv(x1, w1, conv)
			g.Stats(v)
			g.Store("y", g.Identity(v), x)
			return g
		}, "want a stored f32 tensor of [1 8 1 1]"},
		{"norm of other channels", func() *Graph { return BatchNormForwardGraph(x, NHWC(2, 8, 4, 5, BF16), NormDesc{}) }, "want [2 8 4 4]"},
		{"norm of three dimensions", func() *Graph { return BatchNormForwardGraph(TensorDesc{Dims: []int64{1}}, x, NormDesc{}) }, "want four dimensions"},
		{"pool without a window", func() *Graph { return PoolForwardGraph(x, x, PoolDesc{Mode: AvgPool}) }, "positive windows"},
		{"pool without a mode", func() *Graph { return PoolForwardGraph(x, x, PoolDesc{Window: [2]int{2, 2}}) }, "no mode"},
		{"pool to another size", func() *Graph { return PoolForwardGraph(x, x, PoolDesc{Mode: MaxPool, Window: [2]int{2, 2}}) }, "want [2 8 2 2]"},
		{"reduce to another size", func() *Graph { return ReduceGraph(Sum, x, NHWC(2, 4, 1, 1, F32)) }, "the same or 1"},
	} {
		err := c.make().Check()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: have %v, want ErrInvalid with %q", c.name, err, c.want)
		}
	}
}

func TestBindings(t *testing.T) {
	x, w, conv := NHWC(2, 8, 4, 4, BF16), NHWC(8, 8, 3, 3, F32), ConvDesc{Pad: [2]int{1, 1}}
	for _, v := range []struct {
		g    *Graph
		want string
	}{
		{ConvForwardGraph(x, NHWC(8, 8, 3, 3, BF16), x, conv), "x w y"},
		{ConvBackwardDataGraph(x, NHWC(8, 8, 3, 3, BF16), x, conv), "dy w dx"},
		{convBackwardFilterGraphs(x, x, w, conv, nil)[0], "x dy dw"},
		{convBackwardFilterGraphs(x, x, w, conv, []Option{Accumulate(1)})[0], "x dy dw"},
		{convBackwardFilterGraphs(x, x, w, conv, []Option{Accumulate(1)})[1], "x dy dw"},
		{BatchNormForwardGraph(x, x, NormDesc{}), "x scale bias running_mean running_var y mean invstd"},
		{BatchNormForwardGraph(x, x, NormDesc{Add: true, ReLU: true}), "x scale bias running_mean running_var z y mean invstd mask"},
		{BatchNormBackwardGraph(x, x, x, NormDesc{}), "x dy scale mean invstd dx dscale dbias"},
		{BatchNormBackwardGraph(x, x, x, NormDesc{ReLU: true}), "x dy scale mean invstd bias dx dscale dbias"},
		{BatchNormBackwardGraph(x, x, x, NormDesc{Add: true, ReLU: true}), "x dy scale mean invstd mask dx dscale dbias dz"},
		{BatchNormInferenceGraph(x, x, NormDesc{ReLU: true}), "x mean invstd scale bias y"},
		{ConvStatsGraph(x, NHWC(8, 8, 3, 3, BF16), x, conv, true), "x scale bias w y sum squares"},
	} {
		if err := v.g.Check(); err != nil {
			t.Errorf("%v: %v", v.g, err)
		}
		if have := strings.Join(v.g.Bindings(), " "); strings.ReplaceAll(have, "running ", "running_") != v.want {
			t.Errorf("%s: have %s, want %s", v.g.Name, have, v.want)
		}
	}
}
