package cpu

// #include "correlate.h"
import "C"

import "fmt"

// Correlate takes the moments of two views of the same channels and size, element by element, for
// each image of a batch by itself.
type Correlate struct {
	fit
	p     *Pool
	c     *C.sk_correlate
	image []C.sk_moments
}

// NewCorrelate lays the operation out in memory of the pool. The error says which shapes do not
// fit.
func NewCorrelate(p *Pool, a, b View) (*Correlate, error) {
	f := fitOf(a.T)
	if f.err == nil {
		f.read("a", a, a.T.H, a.T.W)
		f.read("b", b, a.T.H, a.T.W)
	}
	if a.C != b.C {
		f.fail("%d channels with %d", a.C, b.C)
	}
	if f.err != nil {
		return nil, fmt.Errorf("cpu: correlate: %w", f.err)
	}
	op := &Correlate{fit: f, p: p, c: &calloc[C.sk_correlate](p, 1)[0], image: calloc[C.sk_moments](p, f.n)}
	*op.c = C.sk_correlate{a: a.c(), b: b.c(), channels: C.int(a.C), image: &op.image[0]}
	return op, nil
}

// Run computes the batch.
func (o *Correlate) Run(b *Batch) {
	o.run(b)
	C.sk_correlate_run(o.p.c, o.c, b.c)
}

// Moments are those of image n of the last batch: the number of pairs, mean a, mean b, and the sums
// of (a - mean a)², (b - mean b)² and (a - mean a)(b - mean b).
func (o *Correlate) Moments(n int) [6]float64 {
	m := o.image[n]
	return [6]float64{float64(m.n), float64(m.a), float64(m.b), float64(m.aa), float64(m.bb), float64(m.ab)}
}
