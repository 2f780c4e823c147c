package cpu

// #include "peak.h"
import "C"

import "time"

// MeasurePeak returns the GFLOP/s that all workers of the pool reach together in independent
// multiply-adds on registers, in the instruction set in force: the best of a few runs of some
// milliseconds. Take it in the run that it is compared with.
func MeasurePeak(p *Pool) float64 {
	best := 0.0
	for range 8 {
		start := time.Now()
		flops := float64(C.sk_peak(p.c, 500_000))
		best = max(best, flops/time.Since(start).Seconds()/1e9)
	}
	return best
}

// dispatch hands every worker a task of nothing.
func dispatch(p *Pool) { C.sk_peak(p.c, 0) }
