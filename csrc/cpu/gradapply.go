package cpu

// #include "elementwise.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// GradApplySpec adds up gradients of one value:
//
//	dst = (Accumulate ? dst : 0) + (ReLUOf != nil ? [v(ReLUOf) > 0] : 1) * sum of Terms
//
// for as many channels of Dst, from Off on, as the terms have; v(ReLUOf) leaves the view's own ReLU out. Terms may read Dst itself at the same place.
// Sums are taken per image when it is written.
type GradApplySpec struct {
	Dst        *Tensor
	Off        int
	Accumulate bool
	ReLUOf     *View
	Terms      []Grad
	Sums       []Sums
}

// GradApply is a sum of gradients bound to its tensors.
type GradApply struct {
	fit
	p *Pool
	c *C.sk_grad_apply
}

// NewGradApply lays the operation out in memory of the pool. The error says which shapes do not fit.
func NewGradApply(p *Pool, s GradApplySpec) (*GradApply, error) {
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
	terms := calloc[C.sk_grad](p, len(s.Terms))
	for i, t := range s.Terms {
		terms[i] = t.c()
	}
	sums := csums(p, s.Sums)
	op := &GradApply{fit: f, p: p, c: &calloc[C.sk_grad_apply](p, 1)[0]}
	*op.c = C.sk_grad_apply{dst: s.Dst.c, cb0: C.int(s.Off / lanes), cb: C.int(blocks(s.Terms[0].C)), accumulate: cbool(s.Accumulate),
		of: cview(p, s.ReLUOf), nterms: C.int(len(terms)), terms: unsafe.SliceData(terms), nsums: C.int(len(sums)), sums: unsafe.SliceData(sums)}
	return op, nil
}

// Run computes the batch.
func (o *GradApply) Run(b *Batch) {
	o.run(b)
	C.sk_grad_apply_run(o.p.c, o.c, b.c)
}
