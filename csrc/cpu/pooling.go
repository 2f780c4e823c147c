package cpu

// #include "pooling.h"
import "C"

import "fmt"

// PoolingSpec is the maximum or the mean of windows of R×S positions of channels Off .. Off+Y.C-1
// of X:
//
//	y[p,q] = max or mean of x[p*Stride+r-Pad, q*Stride+s-Pad], r < R, s < S
//
// Positions outside X are zeros to a mean and no candidates of a maximum. With DX, Y is the
// gradient of y and is read, and DX becomes that of x; that of a maximum goes to the first of the
// largest, by rows.
type PoolingSpec struct {
	X      *Tensor
	Off    int
	Y, DX  *Tensor
	Max    bool
	R, S   int
	Stride int
	Pad    int
}

// Pooling is a pool, or its backward pass, bound to its tensors.
type Pooling struct {
	fit
	p *Pool
	c *C.sk_pooling
}

// NewPooling lays the operation out in memory of the pool. The error says what does not fit.
func NewPooling(p *Pool, s PoolingSpec) (*Pooling, error) {
	f := fitOf(s.Y)
	if f.err == nil && s.X == nil {
		f.fail("no tensor to read")
	}
	if f.err == nil {
		f.channels("x", s.X, s.Off, s.Y.C, s.X.H, s.X.W)
		if s.DX != nil {
			f.channels("dx", s.DX, 0, s.Y.C, s.X.H, s.X.W)
			if s.DX.C != s.Y.C {
				f.fail("dx: %d channels, want %d", s.DX.C, s.Y.C)
			}
		}
		if s.R < 1 || s.S < 1 || s.Stride < 1 || s.Pad < 0 || s.Pad > min(s.R, s.S)/2 {
			f.fail("windows of %d×%d with stride %d and pad %d", s.R, s.S, s.Stride, s.Pad)
		} else if h, w := (s.X.H+2*s.Pad-s.R)/s.Stride+1, (s.X.W+2*s.Pad-s.S)/s.Stride+1; h != s.Y.H || w != s.Y.W || s.X.H+2*s.Pad < s.R || s.X.W+2*s.Pad < s.S {
			f.fail("maps of %d×%d become %d×%d, want %d×%d", s.X.H, s.X.W, h, w, s.Y.H, s.Y.W)
		}
	}
	if f.err != nil {
		return nil, fmt.Errorf("cpu: pooling: %w", f.err)
	}
	op := &Pooling{fit: f, p: p, c: &calloc[C.sk_pooling](p, 1)[0]}
	*op.c = C.sk_pooling{x: s.X.c, block0: C.int(s.Off / lanes), y: s.Y.c, dx: ctensor(s.DX), max: cbool(s.Max),
		r: C.int(s.R), s: C.int(s.S), stride: C.int(s.Stride), pad: C.int(s.Pad)}
	return op, nil
}

// Run computes the batch.
func (o *Pooling) Run(b *Batch) {
	o.run(b)
	if o.c.dx != nil {
		C.sk_pooling_backward(o.p.c, o.c, b.c)
	} else {
		C.sk_pooling_forward(o.p.c, o.c, b.c)
	}
}
