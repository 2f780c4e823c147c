package cudnn

import "fmt"

// ConvDesc describes a two-dimensional convolution. The zero value has stride 1 and no padding.
type ConvDesc struct {
	Pad      [2]int  // zeros before the rows, the columns, and behind them unless PadEnd is set
	PadEnd   *[2]int // zeros behind the rows, the columns
	Stride   [2]int  // 0 means 1
	Dilation [2]int  // 0 means 1: taps next to each other
	Groups   int     // 0 means 1
	// F32 (also 0) or TF32: whether products of F32 tensors may be rounded to TF32 first. Sums are
	// always F32.
	Compute DataType
}

func (c ConvDesc) filled() ConvDesc {
	for i := range 2 {
		c.Stride[i], c.Dilation[i] = max(c.Stride[i], 1), max(c.Dilation[i], 1)
	}
	if c.PadEnd == nil {
		c.PadEnd = &[2]int{c.Pad[0], c.Pad[1]}
	}
	c.Groups = max(c.Groups, 1)
	if c.Compute == 0 {
		c.Compute = F32
	}
	return c
}

func (c ConvDesc) check() error {
	for i := range 2 {
		if c.Pad[i] < 0 || c.PadEnd != nil && c.PadEnd[i] < 0 || c.Stride[i] < 0 || c.Dilation[i] < 0 {
			return fmt.Errorf("pad %v, stride %v, dilation %v: want none negative", c.Pad, c.Stride, c.Dilation)
		}
	}
	if c.Groups < 0 {
		return fmt.Errorf("%d groups", c.Groups)
	}
	if c.Compute != 0 && c.Compute != F32 && c.Compute != TF32 {
		return fmt.Errorf("compute %v: want f32 or tf32", c.Compute)
	}
	return nil
}

// OutputDims returns N, K, P, Q for an input of dimensions x and a filter of dimensions w:
//
//	P = (H + padding - dilation*(R-1) - 1)/stride + 1, and Q likewise.
func (c ConvDesc) OutputDims(x, w []int64) ([]int64, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(x) != 4 || len(w) != 4 {
		return nil, fmt.Errorf("x %v, w %v: want four dimensions each", x, w)
	}
	c = c.filled()
	g := int64(c.Groups)
	if x[1]%g != 0 || w[1] != x[1]/g || w[0]%g != 0 {
		return nil, fmt.Errorf("x %v, w %v, %d groups: want w [K C/groups R S] with K and C multiples of the groups", x, w, g)
	}
	y := []int64{x[0], w[0], 0, 0}
	for i := range 2 {
		padded := x[2+i] + int64(c.Pad[i]) + int64(c.PadEnd[i])
		taps := int64(c.Dilation[i])*(w[2+i]-1) + 1
		if padded < taps {
			return nil, fmt.Errorf("x %v, w %v: the window of %d is larger than the padded input of %d", x, w, taps, padded)
		}
		y[2+i] = (padded-taps)/int64(c.Stride[i]) + 1
	}
	return y, nil
}

// Output describes the result of a convolution of x with w, in x's layout and type.
func (c ConvDesc) Output(x, w TensorDesc) (TensorDesc, error) {
	dims, err := c.OutputDims(x.Dims, w.Dims)
	if err != nil {
		return TensorDesc{}, invalid("Output", "%v", err)
	}
	n, k, p, q := int(dims[0]), int(dims[1]), int(dims[2]), int(dims[3])
	if x.channelsLast() {
		return NHWC(n, k, p, q, x.Type), nil
	}
	return NCHW(n, k, p, q, x.Type), nil
}

func (c ConvDesc) String() string {
	c = c.filled()
	s := fmt.Sprintf("pad %v stride %v", c.Pad, c.Stride)
	if *c.PadEnd != c.Pad {
		s = fmt.Sprintf("pad %v..%v stride %v", c.Pad, *c.PadEnd, c.Stride)
	}
	if c.Dilation != [2]int{1, 1} {
		s += fmt.Sprintf(" dilation %v", c.Dilation)
	}
	if c.Groups > 1 {
		s += fmt.Sprintf(" groups %d", c.Groups)
	}
	return s
}

// Direction says which of a convolution's three tensors is computed from the other two.
type Direction uint8

// The directions: y = conv(x, w); dx from dy and w; dw from x and dy.
const (
	Forward Direction = iota + 1
	BackwardData
	BackwardFilter
)

func (d Direction) String() string {
	return [...]string{"no direction", "ConvForward", "ConvBackwardData", "ConvBackwardFilter"}[min(d, 3)]
}

// Convolution is the node of a convolution in any direction. X, W and Y are x, w, y or their
// gradients: Forward writes Y, BackwardData X, BackwardFilter W. The written tensor is
// Scale*(result) + Accumulate*(its old content).
type Convolution struct {
	Dir               Direction
	X, W, Y           Ref
	Conv              ConvDesc
	Scale, Accumulate float32
}

// Conv computes conv(x, w).
func (g *Graph) Conv(x, w Ref, c ConvDesc) Ref {
	t, ok := g.need("Conv", x, w)
	if !ok {
		return 0
	}
	dims, err := c.OutputDims(t[0].Dims, t[1].Dims)
	if err != nil {
		g.fail("ConvForward: %v", err)
		return 0
	}
	y := g.virtual("conv("+t[0].Name+", "+t[1].Name+")", dims, t[0].TensorDesc)
	g.Nodes = append(g.Nodes, &Convolution{Dir: Forward, X: x, W: w, Y: y, Conv: c, Scale: 1})
	return y
}

// ConvBackwardData computes the gradient of x, of dimensions dims, from dy and w.
func (g *Graph) ConvBackwardData(dy, w Ref, dims []int64, c ConvDesc) Ref {
	t, ok := g.need("ConvBackwardData", dy, w)
	if !ok {
		return 0
	}
	dx := g.virtual("dx", dims, t[0].TensorDesc)
	g.Nodes = append(g.Nodes, &Convolution{Dir: BackwardData, X: dx, W: w, Y: dy, Conv: c, Scale: 1})
	return dx
}

// ConvBackwardFilter computes the gradient of w, of dimensions dims, from x and dy.
func (g *Graph) ConvBackwardFilter(x, dy Ref, dims []int64, c ConvDesc) Ref {
	t, ok := g.need("ConvBackwardFilter", x, dy)
	if !ok {
		return 0
	}
	dw := g.virtual("dw", dims, t[0].TensorDesc)
	g.Nodes = append(g.Nodes, &Convolution{Dir: BackwardFilter, X: x, W: dw, Y: dy, Conv: c, Scale: 1})
	return dw
}

func (n *Convolution) op() string { return n.Dir.String() }

func (n *Convolution) reads() []Ref {
	return [...][]Ref{nil, {n.X, n.W}, {n.Y, n.W}, {n.X, n.Y}}[n.Dir]
}

func (n *Convolution) writes() []Ref { return [...][]Ref{nil, {n.Y}, {n.X}, {n.W}}[n.Dir] }

func (n *Convolution) check(g *Graph) error {
	x, w, y := g.at(n.X), g.at(n.W), g.at(n.Y)
	want, err := n.Conv.OutputDims(x.Dims, w.Dims)
	if err != nil {
		return err
	}
	for i, d := range want {
		if len(y.Dims) != 4 || y.Dims[i] != d {
			return fmt.Errorf("x %v, w %v, %v: want y %v, have %v", x.Dims, w.Dims, n.Conv, want, y.Dims)
		}
	}
	for _, t := range []*Tensor{x, w, y} {
		if !t.Type.float() {
			return fmt.Errorf("%s is %v: want f32, f16 or bf16", t.Name, t.Type)
		}
	}
	return nil
}

func (n *Convolution) lower(l *lowering) spec {
	c := n.Conv.filled()
	pair := func(v [2]int) []int64 { return []int64{int64(v[0]), int64(v[1])} }
	conv := l.add(spec{descConvolution, []attr{
		{attrConvCompType, typeDataType, dataTypes[c.Compute].code},
		{attrConvMode, typeConvMode, int32(crossCorrelation)},
		{attrConvSpatialDims, typeInt64, []int64{2}},
		{attrConvDilations, typeInt64, pair(c.Dilation)},
		{attrConvStrides, typeInt64, pair(c.Stride)},
		{attrConvPrePaddings, typeInt64, pair(c.Pad)},
		{attrConvPostPaddings, typeInt64, pair(*c.PadEnd)},
	}})
	a := [...]struct{ kind, conv, x, w, y, scale, accumulate int32 }{
		Forward:        {descConvForward, attrFwdConv, attrFwdX, attrFwdW, attrFwdY, attrFwdAlpha, attrFwdBeta},
		BackwardData:   {descConvBackwardData, attrDataConv, attrDataDX, attrDataW, attrDataDY, attrDataAlpha, attrDataBeta},
		BackwardFilter: {descConvBackwardFilter, attrFilterConv, attrFilterX, attrFilterDW, attrFilterDY, attrFilterAlpha, attrFilterBeta},
	}[n.Dir]
	return spec{a.kind, []attr{
		{a.conv, typeDescriptor, ref(conv)},
		{a.x, typeDescriptor, l.tensor(n.X)},
		{a.w, typeDescriptor, l.tensor(n.W)},
		{a.y, typeDescriptor, l.tensor(n.Y)},
		{a.scale, typeFloat, n.Scale},
		{a.accumulate, typeFloat, n.Accumulate},
	}}
}
