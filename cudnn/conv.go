package cudnn

// ConvForward prepares y = Scale*conv(x, w) + Accumulate*y. x is N×C×H×W, w K×(C/groups)×R×S, y
// N×K×P×Q (see ConvDesc.OutputDims), of one type, F32, F16 or BF16, and one layout, NHWC or NCHW,
// slices of channels included; sums are F32. Pointers: x, w, y.
//
// Errors: ErrInvalid if the shapes do not fit; ErrNotSupported if no engine takes them.
// (CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR.)
func (h *Handle) ConvForward(x, w, y TensorDesc, c ConvDesc, o ...Option) (*Plan, error) {
	return h.Plan(ConvForwardGraph(x, w, y, c, o...), o...)
}

// ConvForwardPlans lists the candidates of ConvForward.
func (h *Handle) ConvForwardPlans(x, w, y TensorDesc, c ConvDesc, o ...Option) ([]*Plan, error) {
	return h.Plans(ConvForwardGraph(x, w, y, c, o...), o...)
}

// ConvBackwardData prepares dx = Scale*(gradient of conv(x, w) in x at dy) + Accumulate*dx: of
// every tap of the window, w's value times dy's. dy is N×K×P×Q, w K×(C/groups)×R×S, dx N×C×H×W;
// types and layouts as for ConvForward. Pointers: dy, w, dx.
//
// Errors: as ConvForward's. (CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR.)
func (h *Handle) ConvBackwardData(dy, w, dx TensorDesc, c ConvDesc, o ...Option) (*Plan, error) {
	return h.Plan(ConvBackwardDataGraph(dy, w, dx, c, o...), o...)
}

// ConvBackwardDataPlans lists the candidates of ConvBackwardData.
func (h *Handle) ConvBackwardDataPlans(dy, w, dx TensorDesc, c ConvDesc, o ...Option) ([]*Plan, error) {
	return h.Plans(ConvBackwardDataGraph(dy, w, dx, c, o...), o...)
}

// ConvForwardGraph is the graph of ConvForward.
func ConvForwardGraph(x, w, y TensorDesc, c ConvDesc, o ...Option) *Graph {
	return convGraph(Forward, x, w, y, c, o)
}

// ConvBackwardDataGraph is the graph of ConvBackwardData.
func ConvBackwardDataGraph(dy, w, dx TensorDesc, c ConvDesc, o ...Option) *Graph {
	return convGraph(BackwardData, dx, w, dy, c, o)
}

// ConvBackwardFilterGraph is the plain graph of ConvBackwardFilter: the convolution writes dw
// itself.
func ConvBackwardFilterGraph(x, dy, dw TensorDesc, c ConvDesc, o ...Option) *Graph {
	return convGraph(BackwardFilter, x, dw, dy, c, o)
}

// convGraph is one convolution between stored tensors; the pointers are the two read, then the one
// written.
func convGraph(dir Direction, x, w, y TensorDesc, c ConvDesc, o []Option) *Graph {
	opt := resolve(o)
	g := NewGraph(dir.String())
	n := &Convolution{Dir: dir, Conv: c, Scale: opt.scale, Accumulate: opt.accumulate}
	store := func(name string, d TensorDesc) Ref {
		r := g.add(Tensor{TensorDesc: d, Name: name, Role: Output})
		g.bound = append(g.bound, r)
		return r
	}
	switch dir {
	case Forward:
		n.X, n.W = g.Input("x", x), g.Input("w", w)
		n.Y = store("y", y)
	case BackwardData:
		n.Y, n.W = g.Input("dy", y), g.Input("w", w)
		n.X = store("dx", x)
	case BackwardFilter:
		n.X, n.Y = g.Input("x", x), g.Input("dy", y)
		n.W = store("dw", w)
	}
	g.Nodes = append(g.Nodes, n)
	if err := c.check(); err != nil {
		g.fail("%s: %v", dir, err)
	}
	return g
}
