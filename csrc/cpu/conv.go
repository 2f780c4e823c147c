package cpu

// #include "conv.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Conv is a convolution laid out for this machine: its packed weights and its scratch.
type Conv struct {
	p    *Pool
	c    *C.sk_conv
	spec ConvSpec
}

// NewConv lays a convolution out and reserves its scratch. The error says what is wrong with the spec.
func NewConv(p *Pool, s ConvSpec) (*Conv, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	parts := make([]C.sk_part, len(s.Parts))
	for i, t := range s.Parts {
		parts[i] = C.sk_part{woff: C.int64_t(t.WOff), xoff: C.int(t.XOff), c: C.int(t.C), yoff: C.int(t.YOff), k: C.int(t.K),
			groups: C.int(t.Groups), r: C.int(t.R), s: C.int(t.S), padh: C.int(t.PadH), padw: C.int(t.PadW)}
	}
	shape := C.sk_conv_shape{n: C.int(s.N), xc: C.int(s.XC), h: C.int(s.H), w: C.int(s.W), yc: C.int(s.YC), p: C.int(s.P), q: C.int(s.Q),
		stride: C.int(s.Stride), parts: C.int(len(parts))}
	c := &Conv{p: p, spec: s, c: C.sk_conv_new(p.c, &shape, &parts[0])}
	p.free = append(p.free, func() { C.sk_conv_free(c.c) })
	return c, nil
}

// Pack lays the weights out for the kernels, forward and data gradient, from the flat parameters. Once a step, before Run; params is C or Go memory.
func (c *Conv) Pack(params []float32) {
	C.sk_conv_pack(c.c, (*C.float)(unsafe.SliceData(params)))
}

// ConvForward is a convolution bound to its input and output: y = conv(v(x), w), then the statistics asked for.
type ConvForward struct {
	conv  *Conv
	x     *C.sk_view
	y     *C.sk_tensor
	stats []C.sk_stats
}

// ForwardOp binds the convolution to a view of XC channels and an output of YC channels. It panics on shapes that are not the spec's.
func (c *Conv) ForwardOp(x View, y *Tensor, stats []Stats) *ConvForward {
	c.checkX(x)
	if y.N < c.spec.N || y.C != c.spec.YC || y.H != c.spec.P || y.W != c.spec.Q {
		panic(fmt.Sprintf("cpu: conv output %d×%d×%d×%d, want %d×%d×%d×%d", y.N, y.C, y.H, y.W, c.spec.N, c.spec.YC, c.spec.P, c.spec.Q))
	}
	op := &ConvForward{conv: c, x: &calloc[C.sk_view](c.p, 1)[0], y: y.c, stats: cstats(c.p, stats)}
	*op.x = x.c()
	return op
}

// Run computes the batch.
func (o *ConvForward) Run(b *Batch) {
	C.sk_conv_forward(o.conv.c, o.x, o.y, C.int(len(o.stats)), unsafe.SliceData(o.stats), b.c)
}

// ConvDX says where the gradient of a convolution's input goes, channels Off .. of G:
//
//	G = (Accumulate ? G : 0) + (ReLU ? [x.T > 0] : 1) * dx + (Residual != nil ? Residual's gradient : 0)
//
// x.T is the tensor of the view that was convolved; ReLU masks by it and wants x.Norm == nil. Residual may read G itself at the same place.
// For a view with a norm, dx is the gradient of the view, before the norm's own backward and the view's ReLU, which the reader applies.
type ConvDX struct {
	G          *Tensor
	Off        int
	ReLU       bool
	Accumulate bool
	Residual   *Grad
}

// ConvBackward is a convolution bound to its input, its output's gradient and where the input's gradient goes.
type ConvBackward struct {
	conv *Conv
	x    *C.sk_view
	dy   []C.sk_grad
	dx   *C.sk_conv_dx
	sums []C.sk_sums
}

// BackwardOp binds both gradients. dy are consecutive channel ranges that cover y; every range but the last is a multiple of 16 channels. A nil dx
// leaves the data gradient out. sums are taken of dx.G. It panics on shapes that are not the spec's.
func (c *Conv) BackwardOp(x View, dy []Grad, dx *ConvDX, sums []Sums) *ConvBackward {
	c.checkX(x)
	n := 0
	for i, g := range dy {
		if g.C%lanes != 0 && i+1 < len(dy) || g.G.H != c.spec.P || g.G.W != c.spec.Q {
			panic(fmt.Sprintf("cpu: conv gradient %d: %d channels of %d×%d, want a multiple of %d of %d×%d", i, g.C, g.G.H, g.G.W, lanes, c.spec.P, c.spec.Q))
		}
		n += g.C
	}
	if n != c.spec.YC {
		panic(fmt.Sprintf("cpu: conv gradients of %d channels, want %d", n, c.spec.YC))
	}
	op := &ConvBackward{conv: c, x: &calloc[C.sk_view](c.p, 1)[0], dy: calloc[C.sk_grad](c.p, len(dy)), sums: csums(c.p, sums)}
	*op.x = x.c()
	for i, g := range dy {
		op.dy[i] = g.c()
	}
	if dx == nil {
		return op
	}
	if dx.G.H != c.spec.H || dx.G.W != c.spec.W || dx.Off+c.spec.XC > dx.G.C || dx.ReLU && x.Norm != nil {
		panic(fmt.Sprintf("cpu: conv data gradient into channels %d+%d of %d×%d×%d, want %d×%d and no ReLU mask behind a norm",
			dx.Off, c.spec.XC, dx.G.C, dx.G.H, dx.G.W, c.spec.H, c.spec.W))
	}
	op.dx = &calloc[C.sk_conv_dx](c.p, 1)[0]
	*op.dx = C.sk_conv_dx{g: dx.G.c, cb0: C.int(dx.Off / lanes), relu: cbool(dx.ReLU), accumulate: cbool(dx.Accumulate)}
	if dx.Residual != nil {
		r := &calloc[C.sk_grad](c.p, 1)[0]
		*r = dx.Residual.c()
		op.dx.residual = r
	}
	return op
}

// Run computes the batch and overwrites the parts' weight gradients in grads, laid out as the flat parameters.
func (o *ConvBackward) Run(b *Batch, grads []float32) {
	C.sk_conv_backward(o.conv.c, o.x, C.int(len(o.dy)), unsafe.SliceData(o.dy), o.dx, C.int(len(o.sums)), unsafe.SliceData(o.sums), b.c,
		(*C.float)(unsafe.SliceData(grads)))
}

func (c *Conv) checkX(x View) {
	if x.C != c.spec.XC || x.T.H != c.spec.H || x.T.W != c.spec.W || x.Off%lanes != 0 || x.NormOff%lanes != 0 || x.Off+x.C > x.T.C {
		panic(fmt.Sprintf("cpu: conv input %d channels from %d of %d×%d×%d, want %d of %d×%d", x.C, x.Off, x.T.C, x.T.H, x.T.W, c.spec.XC, c.spec.H, c.spec.W))
	}
}
