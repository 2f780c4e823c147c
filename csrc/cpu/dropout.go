package cpu

// #include "dropout.h"
import "C"

import "fmt"

// DropoutSpec is y = x * factor over channels Off .. Off+Y.C-1 of X. The factor of a number is
// Scale where the draw of engine.Kept for dropout Index of the graph, the upper 24 bits of its
// word, is at least Threshold, else 0.
type DropoutSpec struct {
	X         *Tensor
	Off       int
	Y         *Tensor
	Scale     float64
	Threshold uint32
	Index     int
}

// Dropout is a dropout bound to its tensors.
type Dropout struct {
	fit
	p *Pool
	c *C.sk_dropout
}

// NewDropout lays the operation out in memory of the pool. The error says what does not fit.
func NewDropout(p *Pool, s DropoutSpec) (*Dropout, error) {
	f := fitOf(s.Y)
	if f.err == nil {
		f.channels("x", s.X, s.Off, s.Y.C, s.Y.H, s.Y.W)
	}
	if f.err != nil {
		return nil, fmt.Errorf("cpu: dropout: %w", f.err)
	}
	op := &Dropout{fit: f, p: p, c: &calloc[C.sk_dropout](p, 1)[0]}
	*op.c = C.sk_dropout{x: s.X.c, block0: C.int(s.Off / lanes), y: s.Y.c, scale: C.float(s.Scale),
		threshold: C.uint32_t(s.Threshold), index: C.uint32_t(s.Index)}
	return op, nil
}

// Run computes the batch with the draws of a seed and an iteration. Image i of the batch is image i
// of the global batch.
func (o *Dropout) Run(b *Batch, seed uint64, iteration uint32) {
	o.run(b)
	C.sk_dropout_run(o.p.c, o.c, b.c, C.uint64_t(seed), C.uint32_t(iteration))
}
