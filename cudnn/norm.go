package cudnn

// NormDesc describes a batch norm and the steps fused behind it. The zero value is epsilon 1e-5,
// momentum 0.1, no fused step.
type NormDesc struct {
	Epsilon  float32 // 0 means 1e-5
	Momentum float32 // of the running statistics; 0 means 0.1
	Add      bool    // a tensor z is added
	ReLU     bool    // then max(., 0)
}

func (n NormDesc) filled() NormDesc {
	if n.Epsilon == 0 {
		n.Epsilon = 1e-5
	}
	if n.Momentum == 0 {
		n.Momentum = 0.1
	}
	return n
}

// BatchNormForward prepares, for each channel over images and positions (P of them a channel),
//
//	mean = Σx/P    invstd = 1/sqrt(Σ(x-mean)²/P + epsilon)
//	y = relu?(scale*(x-mean)*invstd + bias + z?)
//	running mean = (1-momentum)*running mean + momentum*mean
//	running variance likewise with Σ(x-mean)²/(P-1)
//
// x, z and y are N×C×H×W, F32, F16 or BF16; every tensor per channel is 1×C×1×1 in F32. The running
// statistics are updated in place; mean and invstd are for BatchNormBackward. With Add and ReLU a
// mask of y > 0, one bit an element (Bool), is stored for it as well. Pointers: x, scale, bias,
// running mean, running var, [z,] y, mean, invstd[, mask].
//
// Errors: ErrInvalid; ErrNotSupported, among others for Add without ReLU, and where 8 does not
// divide the channels of 16-bit tensors. (CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR.)
func (h *Handle) BatchNormForward(x, y TensorDesc, n NormDesc, o ...Option) (*Plan, error) {
	return h.Plan(BatchNormForwardGraph(x, y, n), o...)
}

// maskOf is the form of a mask beside y.
func maskOf(y TensorDesc) TensorDesc {
	y.Type, y.Align = Bool, 0
	return y
}

// BatchNormForwardGraph is the graph of BatchNormForward.
func BatchNormForwardGraph(x, y TensorDesc, n NormDesc) *Graph {
	n = n.filled()
	g := NewGraph("BatchNormForward")
	if len(x.Dims) != 4 {
		g.fail("x is %v: want four dimensions", x)
		return g
	}
	c := PerChannel(int(x.Dims[1]), F32)
	xr, scale, bias := g.Input("x", x), g.Input("scale", c), g.Input("bias", c)
	mean, variance := g.Input("running mean", c), g.Input("running var", c)
	node := &NormForward{
		X: xr, Scale: scale, Bias: bias, PrevMean: mean, PrevVar: variance,
		Epsilon: g.Scalar("epsilon", n.Epsilon), Momentum: g.Scalar("momentum", n.Momentum),
		Y: g.virtual("norm", x.Dims, x), Mean: g.virtual("mean", c.Dims, c), InvStd: g.virtual("invstd", c.Dims, c),
		NextMean: g.virtual("mean", c.Dims, c), NextVar: g.virtual("var", c.Dims, c),
	}
	g.Nodes = append(g.Nodes, node)
	out := node.Y
	var mask Ref
	if n.Add {
		out = g.Add(out, g.Input("z", y))
	}
	if n.ReLU {
		out = g.ReLU(out)
	}
	g.Store("y", out, y)
	if n.Add && n.ReLU {
		mask = g.Pointwise(Greater, out, g.Scalar("zero", 0))
	}
	g.Store("mean", node.Mean, c)
	g.Store("invstd", node.InvStd, c)
	g.StoreOver(mean, node.NextMean)
	g.StoreOver(variance, node.NextVar)
	if mask != 0 {
		g.Store("mask", mask, maskOf(y))
	}
	return g
}

// BatchNormInference prepares y = relu?(scale*(x-mean)*invstd + bias + z?) from given statistics:
// mean and invstd = 1/sqrt(variance + epsilon), which the caller keeps. Types and shapes as
// BatchNormForward's. Pointers: x, mean, invstd, scale, bias, [z,] y. (The graph is one of
// pointwise operations: cuDNN has no such norm.)
func (h *Handle) BatchNormInference(x, y TensorDesc, n NormDesc, o ...Option) (*Plan, error) {
	return h.Plan(BatchNormInferenceGraph(x, y, n), o...)
}

// BatchNormInferenceGraph is the graph of BatchNormInference.
func BatchNormInferenceGraph(x, y TensorDesc, n NormDesc) *Graph {
	g := NewGraph("BatchNormInference")
	if len(x.Dims) != 4 {
		g.fail("x is %v: want four dimensions", x)
		return g
	}
	c := PerChannel(int(x.Dims[1]), F32)
	xr, mean, invstd := g.Input("x", x), g.Input("mean", c), g.Input("invstd", c)
	scale, bias := g.Input("scale", c), g.Input("bias", c)
	out := g.Add(g.Mul(g.Mul(g.Pointwise(Sub, xr, mean), invstd), scale), bias)
	if n.Add {
		out = g.Add(out, g.Input("z", y))
	}
	if n.ReLU {
		out = g.ReLU(out)
	}
	g.Store("y", out, y)
	return g
}

// BatchNormBackward prepares, with xhat = (x-mean)*invstd and, if ReLU, dy masked by y > 0,
//
//	dbias = Σdy    dscale = Σdy*xhat    dx = scale*invstd*(dy - dbias/P - xhat*dscale/P)
//
// from the saved tensors of BatchNormForward. Types and shapes as there; every output is
// overwritten. With Add, the masked dy is stored too: it is z's gradient. Pointers: x, dy, scale,
// mean, invstd, [bias if ReLU, or mask if Add,] dx, dscale, dbias[, dz].
//
// Errors: ErrInvalid; ErrNotSupported. (CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR.)
func (h *Handle) BatchNormBackward(x, dy, dx TensorDesc, n NormDesc, o ...Option) (*Plan, error) {
	return h.Plan(BatchNormBackwardGraph(x, dy, dx, n), o...)
}

// BatchNormBackwardGraph is the graph of BatchNormBackward.
func BatchNormBackwardGraph(x, dy, dx TensorDesc, n NormDesc) *Graph {
	g := NewGraph("BatchNormBackward")
	if len(x.Dims) != 4 {
		g.fail("x is %v: want four dimensions", x)
		return g
	}
	if n.Add && !n.ReLU {
		g.fail("Add without ReLU: dz is dy itself")
		return g
	}
	c := PerChannel(int(x.Dims[1]), F32)
	xr, grad := g.Input("x", x), g.Input("dy", dy)
	scale, mean, invstd := g.Input("scale", c), g.Input("mean", c), g.Input("invstd", c)
	switch {
	case n.Add:
		grad = g.As(g.Mul(grad, g.Input("mask", maskOf(dy))), dy.Type)
	case n.ReLU:
		// Without a mask cuDNN takes the gradient of a ReLU only if the ReLU's input is recomputed
		// in the graph.
		again := &NormForward{Given: true, X: xr, Scale: scale, Bias: g.Input("bias", c), Mean: mean, InvStd: invstd, Y: g.virtual("norm", x.Dims, x)}
		g.Nodes = append(g.Nodes, again)
		grad = g.As(g.ActivationBackward(ReLU, grad, again.Y), dy.Type)
	}
	masked := grad
	node := &NormBackward{
		X: xr, DY: grad, Scale: scale, Mean: mean, InvStd: invstd,
		DX: g.virtual("dx", x.Dims, x), DScale: g.virtual("dscale", c.Dims, c), DBias: g.virtual("dbias", c.Dims, c),
	}
	g.Nodes = append(g.Nodes, node)
	g.Store("dx", node.DX, dx)
	g.Store("dscale", node.DScale, c)
	g.Store("dbias", node.DBias, c)
	if n.Add {
		g.Store("dz", masked, dy)
	}
	return g
}
