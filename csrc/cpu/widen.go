package cpu

// #include "widen.h"
import "C"

import "fmt"

// WidenSpec copies channels XOff .. XOff+C-1 of X to channels from YOff on of Y. Channels behind
// them, to End-1 and to the end of that block, become zeros. No offset need be a multiple of 16.
type WidenSpec struct {
	X         *Tensor
	XOff, C   int
	Y         *Tensor
	YOff, End int
}

// Widen is a copy of channels bound to its tensors.
type Widen struct {
	fit
	p *Pool
	c *C.sk_widen
}

// NewWiden lays the operation out in memory of the pool. The error says what does not fit.
func NewWiden(p *Pool, s WidenSpec) (*Widen, error) {
	f := fitOf(s.Y)
	switch {
	case f.err != nil:
	case s.X == nil:
		f.fail("no tensor to read")
	case s.XOff < 0 || s.C < 1 || s.XOff+s.C > s.X.C || s.YOff < 0 || s.YOff+s.C > s.End || s.End > s.Y.C:
		f.fail("channels %d to %d of %d into channels %d to %d of %d", s.XOff, s.XOff+s.C, s.X.C, s.YOff, s.End, s.Y.C)
	case s.X.H != s.Y.H || s.X.W != s.Y.W:
		f.fail("maps of %d×%d into %d×%d", s.X.H, s.X.W, s.Y.H, s.Y.W)
	default:
		f.n = min(f.n, s.X.N)
	}
	if f.err != nil {
		return nil, fmt.Errorf("cpu: widen: %w", f.err)
	}
	op := &Widen{fit: f, p: p, c: &calloc[C.sk_widen](p, 1)[0]}
	*op.c = C.sk_widen{x: s.X.c, y: s.Y.c, x_channel0: C.int(s.XOff), c: C.int(s.C),
		y_channel0: C.int(s.YOff), end_block: C.int(blocks(s.End))}
	return op, nil
}

// Run computes the batch.
func (o *Widen) Run(b *Batch) {
	o.run(b)
	C.sk_widen_run(o.p.c, o.c, b.c)
}
