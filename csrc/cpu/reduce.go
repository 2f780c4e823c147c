package cpu

// #include "elementwise.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// StatsOp takes forward statistics of a stored tensor, image by image: each norm's partial sums (sum, and the sum of squares about the
// image's own mean) are overwritten. Operations that write a tensor can do so on the way; this is for those that cannot.
type StatsOp struct {
	fit
	p     *Pool
	t     *Tensor
	stats []C.sk_stats
}

// NewStats lays the operation out in memory of the pool. The error says which shapes do not fit.
func NewStats(p *Pool, t *Tensor, stats []Stats) (*StatsOp, error) {
	f := fitOf(t)
	f.stats(stats, t)
	if f.err != nil {
		return nil, fmt.Errorf("cpu: statistics: %w", f.err)
	}
	return &StatsOp{fit: f, p: p, t: t, stats: cstats(p, stats)}, nil
}

// Run computes the batch.
func (o *StatsOp) Run(b *Batch) {
	o.run(b)
	C.sk_stats_run(o.p.c, o.t.c, C.int(len(o.stats)), unsafe.SliceData(o.stats), b.c)
}

// SumsOp takes backward sums, image by image: each norm's partial sums S1 = sum g', S2 = sum g'*xhat are overwritten. All sums of one image are
// taken one after the other, so a gradient that several of them read comes from memory once.
type SumsOp struct {
	fit
	p    *Pool
	sums []C.sk_sums
}

// NewSums lays the operation out in memory of the pool. The error says which shapes do not fit.
func NewSums(p *Pool, sums []Sums) (*SumsOp, error) {
	if len(sums) == 0 {
		return nil, fmt.Errorf("cpu: sums: none asked for")
	}
	f := fitOf(sums[0].Of.G)
	f.sums(sums)
	if f.err != nil {
		return nil, fmt.Errorf("cpu: sums: %w", f.err)
	}
	return &SumsOp{fit: f, p: p, sums: csums(p, sums)}, nil
}

// Run computes the batch.
func (o *SumsOp) Run(b *Batch) {
	o.run(b)
	C.sk_sums_run(o.p.c, C.int(len(o.sums)), unsafe.SliceData(o.sums), b.c)
}
