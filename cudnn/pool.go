package cudnn

import "fmt"

// PoolMode is the function of a pooling on each window.
type PoolMode uint8

// The modes: the largest value, the mean over the window with the zeros around the image counted,
// or without them.
const (
	MaxPool PoolMode = iota + 1
	AvgPool
	AvgPoolExclude
)

var poolModes = [...]struct {
	name      string
	code, pad int32
}{MaxPool: {"max pool", poolMax, negInfPad}, AvgPool: {"average pool", poolAvgInclude, zeroPad}, AvgPoolExclude: {"average pool", poolAvgExclude, zeroPad}}

func (m PoolMode) known() bool { return m >= MaxPool && m <= AvgPoolExclude }

func (m PoolMode) String() string {
	if !m.known() {
		return fmt.Sprintf("PoolMode(%d)", uint8(m))
	}
	return poolModes[m].name
}

// PoolDesc describes a pooling. The zero value is invalid: a pooling needs a mode and a window.
type PoolDesc struct {
	Mode   PoolMode
	Window [2]int
	Stride [2]int // 0 means the window
	Pad    [2]int // before and behind
	// MaxPool stores the position of the largest element of each window for the gradient. NHWC
	// needs this, NCHW does not.
	Index bool
}

func (d PoolDesc) filled() PoolDesc {
	for i := range 2 {
		if d.Stride[i] == 0 {
			d.Stride[i] = d.Window[i]
		}
	}
	return d
}

// OutputDims returns N, C, P, Q: P = (H + 2*pad - window)/stride + 1, and Q likewise.
func (d PoolDesc) OutputDims(x []int64) ([]int64, error) {
	d = d.filled()
	if !d.Mode.known() {
		return nil, fmt.Errorf("%v is no mode", d.Mode)
	}
	if len(x) != 4 {
		return nil, fmt.Errorf("x %v: want four dimensions", x)
	}
	y := []int64{x[0], x[1], 0, 0}
	for i := range 2 {
		if d.Window[i] < 1 || d.Stride[i] < 1 || d.Pad[i] < 0 || d.Pad[i] >= d.Window[i] {
			return nil, fmt.Errorf("window %v stride %v pad %v: want positive windows and strides, padding below the window", d.Window, d.Stride, d.Pad)
		}
		room := x[2+i] + 2*int64(d.Pad[i]) - int64(d.Window[i])
		if room < 0 {
			return nil, fmt.Errorf("x %v: smaller than the window %v", x, d.Window)
		}
		y[2+i] = room/int64(d.Stride[i]) + 1
	}
	return y, nil
}

// Pooling is the node of a pooling or, if Back, of its gradient, in which X and Y are dx and dy.
// The gradient of MaxPool also reads the input FX and the output FY of the forward pass, or its
// Index.
type Pooling struct {
	Pool   PoolDesc
	Back   bool
	X, Y   Ref
	FX, FY Ref
	Index  Ref
}

// PoolForward prepares y = mode of each window of x. x is N×C×H×W, y N×C×P×Q, F32, F16 or BF16.
// Pointers: x, y[, index if Index: I8, of y's form].
//
// Errors: ErrInvalid if the shapes do not fit; ErrNotSupported.
// (CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR.)
func (h *Handle) PoolForward(x, y TensorDesc, d PoolDesc, o ...Option) (*Plan, error) {
	return h.Plan(PoolForwardGraph(x, y, d), o...)
}

// PoolForwardGraph is the graph of PoolForward.
func PoolForwardGraph(x, y TensorDesc, d PoolDesc) *Graph {
	g := NewGraph("PoolForward")
	n := &Pooling{Pool: d, X: g.Input("x", x), Y: g.virtual("y", y.Dims, y)}
	g.Nodes = append(g.Nodes, n)
	g.Store("y", n.Y, y)
	if d.Mode == MaxPool && d.Index {
		n.Index = g.virtual("index", y.Dims, y)
		g.Store("index", n.Index, indexOf(y))
	}
	return g
}

// indexOf is the form of the positions beside y.
func indexOf(y TensorDesc) TensorDesc {
	y.Type, y.Align = I8, 0
	return y
}

// PoolBackward prepares dx, the gradient of PoolForward at dy; dx is overwritten. Pointers: dy,
// [for MaxPool: x, y, or index,] dx. (CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR.)
func (h *Handle) PoolBackward(dy, dx TensorDesc, d PoolDesc, o ...Option) (*Plan, error) {
	return h.Plan(PoolBackwardGraph(dy, dx, d), o...)
}

// PoolBackwardGraph is the graph of PoolBackward.
func PoolBackwardGraph(dy, dx TensorDesc, d PoolDesc) *Graph {
	g := NewGraph("PoolBackward")
	n := &Pooling{Pool: d, Back: true, Y: g.Input("dy", dy)}
	if d.Mode == MaxPool && d.Index {
		n.Index = g.Input("index", indexOf(dy))
	} else if d.Mode == MaxPool {
		n.FX, n.FY = g.Input("x", dx), g.Input("y", dy)
	}
	n.X = g.virtual("dx", dx.Dims, dx)
	g.Nodes = append(g.Nodes, n)
	g.Store("dx", n.X, dx)
	return g
}

func (n *Pooling) op() string {
	if n.Back {
		return n.Pool.Mode.String() + " backward"
	}
	return n.Pool.Mode.String()
}

func (n *Pooling) reads() []Ref {
	switch {
	case !n.Back:
		return []Ref{n.X}
	case n.Index != 0:
		return []Ref{n.Y, n.Index}
	case n.FX != 0:
		return []Ref{n.Y, n.FX, n.FY}
	}
	return []Ref{n.Y}
}

func (n *Pooling) writes() []Ref {
	if n.Back {
		return []Ref{n.X}
	}
	if n.Index != 0 {
		return []Ref{n.Y, n.Index}
	}
	return []Ref{n.Y}
}

func (n *Pooling) check(g *Graph) error {
	want, err := n.Pool.OutputDims(g.at(n.X).Dims)
	if err != nil {
		return err
	}
	if y := g.at(n.Y); fmt.Sprint(want) != fmt.Sprint(y.Dims) {
		return fmt.Errorf("%s is %v: want %v", y.Name, y.Dims, want)
	}
	return nil
}

func (n *Pooling) lower(l *lowering) spec {
	d := n.Pool.filled()
	pair := func(v [2]int) []int64 { return []int64{int64(v[0]), int64(v[1])} }
	desc := l.add(spec{descPool, []attr{
		{attrPoolMode, typePoolMode, poolModes[d.Mode].code},
		{attrPoolPrec, typeDataType, int32(dataFloat)},
		{attrPoolSpatialDims, typeInt64, []int64{2}},
		{attrPoolPaddingMode, typePaddingMode, poolModes[d.Mode].pad},
		{attrPoolWindow, typeInt64, pair(d.Window)},
		{attrPoolStrides, typeInt64, pair(d.Stride)},
		{attrPoolPrePaddings, typeInt64, pair(d.Pad)},
		{attrPoolPostPaddings, typeInt64, pair(d.Pad)},
	}})
	if n.Back {
		a := []attr{
			{attrPoolBackDesc, typeDescriptor, desc},
			{attrPoolBackDY, typeDescriptor, l.tensor(n.Y)},
			{attrPoolBackDX, typeDescriptor, l.tensor(n.X)},
		}
		a = l.optional(l.optional(a, attrPoolBackX, n.FX), attrPoolBackY, n.FY)
		return spec{descOpPoolBackward, l.optional(a, attrPoolBackIndex, n.Index)}
	}
	return spec{descOpPool, l.optional([]attr{
		{attrPoolDesc, typeDescriptor, desc},
		{attrPoolX, typeDescriptor, l.tensor(n.X)},
		{attrPoolY, typeDescriptor, l.tensor(n.Y)},
	}, attrPoolIndex, n.Index)}
}
