package cpu

// #include "conv.h"
import "C"

import "fmt"

// Conv is a convolution laid out for this machine: its packed weights and its scratch.
type Conv struct {
	p    *Pool
	c    *C.sk_conv
	spec ConvSpec
	top  int // floats of the flat parameters up to the last weight
}

// NewConv lays a convolution out and reserves its scratch. The error says what is wrong with the
// spec.
func NewConv(p *Pool, s ConvSpec) (*Conv, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	parts := make([]C.sk_conv_part, len(s.Parts))
	for i, t := range s.Parts {
		parts[i] = C.sk_conv_part{weight_at: C.int64_t(t.WOff), x_channel0: C.int(t.XOff), c: C.int(t.C),
			y_channel0: C.int(t.YOff), k: C.int(t.K), groups: C.int(t.Groups), r: C.int(t.R), s: C.int(t.S),
			pad_h: C.int(t.PadH), pad_w: C.int(t.PadW)}
	}
	shape := C.sk_conv_shape{n: C.int(s.N), xc: C.int(s.XC), h: C.int(s.H), w: C.int(s.W),
		yc: C.int(s.YC), p: C.int(s.P), q: C.int(s.Q), stride: C.int(s.Stride),
		parts: C.int(len(parts)), method: C.SK_CONV_CHOOSE}
	switch {
	case s.Direct:
		shape.method = C.SK_CONV_DIRECT
	case s.transform:
		shape.method = C.SK_CONV_TRANSFORM
	}
	c := &Conv{p: p, spec: s, c: C.sk_conv_new(p.c, &shape, &parts[0])}
	for _, t := range s.Parts {
		c.top = max(c.top, t.WOff+t.K*t.C/t.Groups*t.R*t.S)
	}
	p.free = append(p.free, func() { C.sk_conv_free(c.c) })
	return c, nil
}

// transformed tells whether some of it goes through a transform.
func (c *Conv) transformed() bool { return C.sk_conv_transformed(c.c) != 0 }

// PackedBytes is the size of the weights as Pack lays them out, of both passes.
func (c *Conv) PackedBytes() int64 { return int64(C.sk_conv_packed_bytes(c.c)) }

// Pack lays the weights out for the kernels, forward and data gradient, from the flat parameters:
// after every change of them, before Run.
func (c *Conv) Pack(params []float32) {
	c.flat("Pack", params)
	C.sk_conv_pack(c.c, cfloats(params))
}

// flat panics if the parameters or gradients do not reach the last weight.
func (c *Conv) flat(call string, f []float32) {
	if len(f) < c.top {
		panic(fmt.Sprintf("cpu: conv %s: %d floats, want at least %d", call, len(f), c.top))
	}
}

// ConvForward is a convolution bound to its input and output: y = conv(v(x), w), then the
// statistics asked for.
type ConvForward struct {
	fit
	conv *Conv
	c    *C.sk_conv_operands
}

// ForwardOp binds the convolution to a view of XC channels and an output of YC channels. It panics
// on shapes that do not fit the spec: those are mistakes in the layout of the network.
func (c *Conv) ForwardOp(x View, y *Tensor, stats []Stats) *ConvForward {
	op := &ConvForward{fit: fitOf(y), conv: c, c: &calloc[C.sk_conv_operands](c.p, 1)[0]}
	op.readX(&c.spec, x)
	op.channels("output", y, 0, c.spec.YC, c.spec.P, c.spec.Q)
	op.fit.stats(stats, y)
	op.must("forward")
	*op.c = C.sk_conv_operands{x: cview(c.p, &x), y: y.c, stats: cstats(c.p, stats)}
	return op
}

// Run computes the batch.
func (o *ConvForward) Run(b *Batch) {
	o.run(b)
	C.sk_conv_forward(o.conv.c, o.c, b.c)
}

// readX wants a view of the input.
func (f *fit) readX(s *ConvSpec, x View) {
	f.n = min(f.n, s.N)
	if x.C != s.XC {
		f.fail("input: %d channels, want %d", x.C, s.XC)
	}
	f.read("input", x, s.H, s.W)
}

func (f *fit) must(direction string) {
	if f.err != nil {
		panic(fmt.Sprintf("cpu: conv %s: %v", direction, f.err))
	}
}

// ConvDX says where the gradient of a convolution's input goes, channels Off .. of G:
//
//	G = (Accumulate ? G : 0) + (ReLU ? [x.T > 0] : 1) * dx
//	    + (Residual != nil ? Residual's gradient : 0)
//
// x.T is the tensor of the view that was convolved; ReLU masks by it and wants x.Norm == nil.
// Residual may read G itself at the same place. For a view with a norm, dx is the gradient of the
// view, before the norm's own backward and the view's ReLU, which the reader applies.
type ConvDX struct {
	G          *Tensor
	Off        int
	ReLU       bool
	Accumulate bool
	Residual   *Grad
}

// ConvBackward is a convolution bound to its input, its output's gradient and where the input's
// gradient goes.
type ConvBackward struct {
	fit
	conv *Conv
	c    *C.sk_conv_operands
}

// BackwardOp binds both gradients. dy are consecutive channel ranges that cover y; every range but
// the last is a multiple of 16 channels. A nil dx leaves the data gradient out. sums are taken of
// dx.G. It panics on shapes that do not fit the spec.
func (c *Conv) BackwardOp(x View, dy []Grad, dx *ConvDX, sums []Sums) *ConvBackward {
	op := &ConvBackward{fit: fitOf(x.T), conv: c, c: &calloc[C.sk_conv_operands](c.p, 1)[0]}
	op.readX(&c.spec, x)
	left := c.spec.YC
	for i, g := range dy {
		op.grad(fmt.Sprintf("gradient %d", i), g, g.C, c.spec.P, c.spec.Q)
		left -= g.C
		if left > 0 && g.C%lanes != 0 {
			op.fail("gradient %d: %d channels, not a multiple of %d and not the last", i, g.C, lanes)
		}
	}
	if left != 0 {
		op.fail("gradients of %d channels, want %d", c.spec.YC-left, c.spec.YC)
	}
	op.fit.sums(sums)
	if dx != nil {
		op.channels("data gradient", dx.G, dx.Off, c.spec.XC, c.spec.H, c.spec.W)
		if dx.ReLU && x.Norm != nil {
			op.fail("data gradient: a ReLU mask behind a norm is the reader's to apply")
		}
		if dx.Residual != nil {
			op.grad("residual", *dx.Residual, c.spec.XC, c.spec.H, c.spec.W)
		}
	}
	op.must("backward")
	*op.c = C.sk_conv_operands{x: cview(c.p, &x), dy_count: C.int(len(dy)), dy: cgrads(c.p, dy), sums: csums(c.p, sums)}
	if dx != nil {
		op.c.dx = dx.c(c.p)
	}
	return op
}

func (d *ConvDX) c(p *Pool) *C.sk_conv_dx {
	dx := &calloc[C.sk_conv_dx](p, 1)[0]
	*dx = C.sk_conv_dx{g: d.G.c, block0: C.int(d.Off / lanes), relu: cbool(d.ReLU), accumulate: cbool(d.Accumulate)}
	if d.Residual != nil {
		r := &calloc[C.sk_grad](p, 1)[0]
		*r = d.Residual.c()
		dx.residual = r
	}
	return dx
}

// Run computes the batch and overwrites the parts' weight gradients in grads, laid out as the flat
// parameters.
func (o *ConvBackward) Run(b *Batch, grads []float32) {
	o.run(b)
	o.conv.flat("backward", grads)
	C.sk_conv_backward(o.conv.c, o.c, b.c, cfloats(grads))
}
