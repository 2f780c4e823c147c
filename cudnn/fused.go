package cudnn

// Fused graphs for the training of convolutional nets. Each is a candidate: ask Handle.Supports,
// and time it against its parts.

// ConvStatsGraph is y = conv(f(x), w) with Σy and Σy² of each channel beside it, taken before y is
// rounded to its type. With prologue, f is relu(scale*x + bias), and the zeros of the padding stay
// zeros; without it, f is the identity. Pointers: x, [scale, bias,] w, y, sum, squares.
//
// The statistics are sums of the convolution's virtual F32 result, and an Identity of this result
// is stored. With the Identity cuDNN takes its engines of runtime fusion, and the card's own
// kernels; without it, older ones.
func ConvStatsGraph(x, w, y TensorDesc, c ConvDesc, prologue bool) *Graph {
	g := NewGraph("ConvStats")
	in := g.Input("x", x)
	if prologue {
		in = g.scaleBiasReLU(in, x)
	}
	v := g.Conv(in, g.Input("w", w), c)
	sum, squares := g.Stats(v)
	g.Store("y", g.Identity(v), y)
	if t := g.at(sum); t != nil {
		g.Store("sum", sum, t.TensorDesc)
		g.Store("squares", squares, g.at(squares).TensorDesc)
	}
	return g
}

// PrologueConvGraph is y = conv(relu(scale*x + bias), w), with ConvStatsGraph's prologue and
// without its statistics. Pointers: x, scale, bias, w, y.
func PrologueConvGraph(x, w, y TensorDesc, c ConvDesc) *Graph {
	g := NewGraph("PrologueConv")
	in := g.scaleBiasReLU(g.Input("x", x), x)
	g.Store("y", g.Identity(g.Conv(in, g.Input("w", w), c)), y)
	return g
}

// scaleBiasReLU is relu(scale*x + bias) with scale and bias of x's type; its virtuals must have
// that type too.
func (g *Graph) scaleBiasReLU(x Ref, d TensorDesc) Ref {
	if len(d.Dims) != 4 {
		g.fail("x is %v: want four dimensions", d)
		return x
	}
	c := PerChannel(int(d.Dims[1]), d.Type)
	scaled := g.As(g.Mul(x, g.Input("scale", c)), d.Type)
	shifted := g.As(g.Add(scaled, g.Input("bias", c)), d.Type)
	return g.As(g.ReLU(shifted), d.Type)
}

// EpilogueDesc describes the steps behind a convolution: y = relu?(perImage*(scale*conv + bias) +
// z). Each part is optional.
type EpilogueDesc struct{ Scale, Bias, PerImage, Add, ReLU bool }

// ConvEpilogueGraph is y = relu?(perImage*(scale*conv(x, w) + bias) + z): scale and bias are F32
// per channel, perImage is F32 per image (N×1×1×1), z has y's form. Pointers: x, w, [scale,]
// [bias,] [per image,] [z,] y.
func ConvEpilogueGraph(x, w, y TensorDesc, c ConvDesc, e EpilogueDesc) *Graph {
	g := NewGraph("ConvEpilogue")
	xr := g.Input("x", x)
	v := g.Conv(xr, g.Input("w", w), c)
	if len(y.Dims) != 4 {
		g.fail("y is %v: want four dimensions", y)
		return g
	}
	k := PerChannel(int(y.Dims[1]), F32)
	if e.Scale {
		v = g.Mul(v, g.Input("scale", k))
	}
	if e.Bias {
		v = g.Add(v, g.Input("bias", k))
	}
	if e.PerImage {
		v = g.Mul(v, g.Input("per image", PerImage(int(y.Dims[0]), F32)))
	}
	if e.Add {
		v = g.Add(v, g.Input("z", y))
	}
	if e.ReLU {
		v = g.ReLU(v)
	}
	if e == (EpilogueDesc{}) {
		v = g.Identity(v)
	}
	g.Store("y", v, y)
	return g
}

// ConvBackwardDataReLUGraph is dx = (gradient of conv(x, w) in x at dy) where x > 0, else 0: the
// backward pass through conv(relu(.)). x is the output of relu. Pointers: dy, w, x, dx.
func ConvBackwardDataReLUGraph(dy, w, x, dx TensorDesc, c ConvDesc) *Graph {
	g := NewGraph("ConvBackwardDataReLU")
	dyr := g.Input("dy", dy)
	v := g.ConvBackwardData(dyr, g.Input("w", w), dx.Dims, c)
	g.Store("dx", g.ActivationBackward(ReLU, v, g.Input("x", x)), dx)
	return g
}
