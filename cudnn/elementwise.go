package cudnn

// ActivationForward prepares y = mode(x) (see Graph.Activation) of any shape, F32, F16 or BF16.
// Pointers: x, y. (CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR.)
func (h *Handle) ActivationForward(mode PointwiseMode, x, y TensorDesc, o ...Option) (*Plan, error) {
	return h.Plan(ActivationForwardGraph(mode, x, y), o...)
}

// ActivationForwardGraph is the graph of ActivationForward.
func ActivationForwardGraph(mode PointwiseMode, x, y TensorDesc) *Graph {
	g := NewGraph("ActivationForward")
	g.Store("y", g.Activation(mode, g.Input("x", x)), y)
	return g
}

// ActivationBackward prepares dx = dy * mode'(x); x is as for Graph.ActivationBackward. Pointers:
// x, dy, dx. (CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR.)
func (h *Handle) ActivationBackward(mode PointwiseMode, x, dy, dx TensorDesc, o ...Option) (*Plan, error) {
	return h.Plan(ActivationBackwardGraph(mode, x, dy, dx), o...)
}

// ActivationBackwardGraph is the graph of ActivationBackward.
func ActivationBackwardGraph(mode PointwiseMode, x, dy, dx TensorDesc) *Graph {
	g := NewGraph("ActivationBackward")
	xr := g.Input("x", x)
	g.Store("dx", g.ActivationBackward(mode, g.Input("dy", dy), xr), dx)
	return g
}

// AddTensor prepares y = x + b; a dimension of b that is 1 is repeated. Pointers: x, b, y.
// (CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR.)
func (h *Handle) AddTensor(x, b, y TensorDesc, o ...Option) (*Plan, error) {
	return h.Plan(AddTensorGraph(x, b, y), o...)
}

// AddTensorGraph is the graph of AddTensor.
func AddTensorGraph(x, b, y TensorDesc) *Graph {
	g := NewGraph("AddTensor")
	xr := g.Input("x", x)
	g.Store("y", g.Add(xr, g.Input("b", b)), y)
	return g
}

// Reduce prepares y = op of x over the dimensions in which y has size 1, in F32. With Deterministic
// the order of the sums is fixed. Pointers: x, y. (CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR.)
func (h *Handle) Reduce(op ReduceOp, x, y TensorDesc, o ...Option) (*Plan, error) {
	return h.Plan(ReduceGraph(op, x, y), o...)
}

// ReduceGraph is the graph of Reduce.
func ReduceGraph(op ReduceOp, x, y TensorDesc) *Graph {
	g := NewGraph("Reduce")
	g.Store("y", g.Reduce(op, g.Input("x", x), y.Dims), y)
	return g
}
