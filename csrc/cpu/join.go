package cpu

// #include "elementwise.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// JoinSpec is the shaken sum of a block:
//
//	y[n] = relu?(skip[n] + sum over k of Coefs[k][n] * Branches[k][n])
//
// Branches, the skip (nil: none) and Y have the same channels and size. Coefs are C memory (Pool.Floats), one factor an image. Y is written whole, image by
// image, each followed by the statistics asked for.
type JoinSpec struct {
	Branches []View
	Coefs    [][]float32
	Skip     *View
	Y        *Tensor
	ReLU     bool
	Stats    []Stats
}

// Join is a shaken sum bound to its tensors.
type Join struct {
	fit
	p *Pool
	c *C.sk_join
}

// NewJoin lays the operation out in memory of the pool. The error says which shapes do not fit.
func NewJoin(p *Pool, s JoinSpec) (*Join, error) {
	f := fitOf(s.Y)
	if len(s.Coefs) != len(s.Branches) {
		f.fail("%d branches with %d coefficients", len(s.Branches), len(s.Coefs))
	}
	for k, v := range s.Branches {
		f.view(fmt.Sprintf("branch %d", k), v, s.Y)
		if k < len(s.Coefs) && len(s.Coefs[k]) < s.Y.N {
			f.fail("branch %d: %d coefficients for %d images", k, len(s.Coefs[k]), s.Y.N)
		}
	}
	if s.Skip != nil {
		f.view("skip", *s.Skip, s.Y)
	} else if len(s.Branches) == 0 {
		f.fail("nothing to add")
	}
	f.stats(s.Stats, s.Y)
	if f.err != nil {
		return nil, fmt.Errorf("cpu: join: %w", f.err)
	}
	branches, coefs := calloc[C.sk_view](p, len(s.Branches)), calloc[*C.float](p, len(s.Branches))
	for k, v := range s.Branches {
		branches[k], coefs[k] = v.c(), cfloats(s.Coefs[k])
	}
	stats := cstats(p, s.Stats)
	op := &Join{fit: f, p: p, c: &calloc[C.sk_join](p, 1)[0]}
	*op.c = C.sk_join{branches: C.int(len(branches)), branch: unsafe.SliceData(branches), coef: unsafe.SliceData(coefs), skip: cview(p, s.Skip),
		y: s.Y.c, relu: cbool(s.ReLU), nstats: C.int(len(stats)), stats: unsafe.SliceData(stats)}
	return op, nil
}

// Run computes the batch.
func (o *Join) Run(b *Batch) {
	o.run(b)
	C.sk_join_run(o.p.c, o.c, b.c)
}

// Apply stores a view: y = v(x), followed by the statistics asked for.
type Apply struct{ join *Join }

// NewApply lays the operation out in memory of the pool. The error says which shapes do not fit.
func NewApply(p *Pool, x View, y *Tensor, stats []Stats) (*Apply, error) {
	j, err := NewJoin(p, JoinSpec{Skip: &x, Y: y, Stats: stats})
	if err != nil {
		return nil, err
	}
	return &Apply{j}, nil
}

// Run computes the batch.
func (o *Apply) Run(b *Batch) { o.join.Run(b) }

// cview copies a view to memory of the pool; nil stays nil.
func cview(p *Pool, v *View) *C.sk_view {
	if v == nil {
		return nil
	}
	c := &calloc[C.sk_view](p, 1)[0]
	*c = v.c()
	return c
}
