package cpu

// #include "norm_sums.h"
import "C"

import "fmt"

// StatsOp takes forward statistics of a stored tensor, image by image: each norm's partial sums
// (sum, and the sum of squares about the image's own mean) are overwritten. Operations that write a
// tensor take them on the way; StatsOp is for tensors that no such operation writes.
type StatsOp struct {
	fit
	p     *Pool
	t     *Tensor
	stats C.sk_stats_list
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
	C.sk_stats_run(o.p.c, o.stats, o.t.c, b.c)
}

// SumsOp takes backward sums, image by image: each norm's partial sums S1 = sum g' and
// S2 = sum g'*xhat are overwritten. The sums of one image are taken one after the other, so a
// gradient that several of them read comes from memory once.
type SumsOp struct {
	fit
	p    *Pool
	sums C.sk_sums_list
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
	C.sk_sums_run(o.p.c, o.sums, b.c)
}
