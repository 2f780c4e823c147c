package cpu

// #include "join.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// JoinSpec is the shaken sum of a block:
//
//	y[n] = relu?(skip[n] + sum over k of Alpha[k][n] * Branches[k][n])
//
// Branches, the skip (nil: none) and Y have the same channels and size. Alpha is C memory
// (Pool.Floats), one factor an image of each branch. Y is written whole, image by image, each
// followed by the statistics asked for.
type JoinSpec struct {
	Branches []View
	Alpha    [][]float32
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
	if len(s.Alpha) != len(s.Branches) {
		f.fail("%d branches with %d factors", len(s.Branches), len(s.Alpha))
	}
	for k, v := range s.Branches {
		f.view(fmt.Sprintf("branch %d", k), v, s.Y)
		if k < len(s.Alpha) && len(s.Alpha[k]) < s.Y.N {
			f.fail("branch %d: %d factors for %d images", k, len(s.Alpha[k]), s.Y.N)
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
	branches, alpha := calloc[C.sk_view](p, len(s.Branches)), calloc[*C.float](p, len(s.Branches))
	for k, v := range s.Branches {
		branches[k], alpha[k] = v.c(), cfloats(s.Alpha[k])
	}
	op := &Join{fit: f, p: p, c: &calloc[C.sk_join](p, 1)[0]}
	*op.c = C.sk_join{branches: C.int(len(branches)), branch: unsafe.SliceData(branches), alpha: unsafe.SliceData(alpha), skip: cview(p, s.Skip),
		y: s.Y.c, relu: cbool(s.ReLU), stats: cstats(p, s.Stats)}
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
