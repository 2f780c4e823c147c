package cpu

// #include "gradsum.h"
import "C"

import "fmt"

// GradSumSpec adds up gradients of one value:
//
//	dst = (Accumulate ? dst : 0) + (ReLUOf != nil ? [v(ReLUOf) > 0] : 1) * sum of Terms
//
// for as many channels of Dst, from Off on, as the terms have; v(ReLUOf) leaves the view's own ReLU
// out. A term may read Dst itself at the same place. Sums are taken of each image when it is
// written.
type GradSumSpec struct {
	Dst        *Tensor
	Off        int
	Accumulate bool
	ReLUOf     *View
	Terms      []Grad
	Sums       []Sums
}

// GradSum is a sum of gradients bound to its tensors.
type GradSum struct {
	fit
	p *Pool
	c *C.sk_gradsum
}

// NewGradSum lays the operation out in memory of the pool. The error says which shapes do not fit.
func NewGradSum(p *Pool, s GradSumSpec) (*GradSum, error) {
	f := fitOf(s.Dst)
	if len(s.Terms) == 0 {
		f.fail("no terms")
	}
	if f.err == nil {
		c := s.Terms[0].C
		f.channels("destination", s.Dst, s.Off, c, s.Dst.H, s.Dst.W)
		for i, t := range s.Terms {
			f.grad(fmt.Sprintf("term %d", i), t, c, s.Dst.H, s.Dst.W)
		}
		if s.ReLUOf != nil {
			if s.ReLUOf.C != c {
				f.fail("mask: %d channels, want %d", s.ReLUOf.C, c)
			}
			f.read("mask", *s.ReLUOf, s.Dst.H, s.Dst.W)
		}
		f.sums(s.Sums)
	}
	if f.err != nil {
		return nil, fmt.Errorf("cpu: gradient sum: %w", f.err)
	}
	op := &GradSum{fit: f, p: p, c: &calloc[C.sk_gradsum](p, 1)[0]}
	*op.c = C.sk_gradsum{dst: s.Dst.c, block0: C.int(s.Off / lanes), blocks: C.int(blocks(s.Terms[0].C)),
		accumulate: cbool(s.Accumulate), relu_of: cview(p, s.ReLUOf),
		terms: C.int(len(s.Terms)), term: cgrads(p, s.Terms), sums: csums(p, s.Sums)}
	return op, nil
}

// Run computes the batch.
func (o *GradSum) Run(b *Batch) {
	o.run(b)
	C.sk_gradsum_run(o.p.c, o.c, b.c)
}
