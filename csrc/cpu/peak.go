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

// Roofs are the rates of one worker while all others do the same, in a second of processor time.
type Roofs struct {
	FLOPS  float64 // multiply-adds on registers, each as two
	Memory float64 // bytes of arrays that exceed near caches
	Cache  float64 // bytes of arrays that a near cache holds
}

// The arrays of a = b + c/2 by which bandwidth is measured, bytes a worker.
const (
	farBytes  = 96 << 20
	nearBytes = 192 << 10
)

// MeasureRoofs measures them in the instruction set in force, in about half a second. Each is the
// best of a few runs.
func MeasureRoofs(p *Pool) (r Roofs, err error) {
	w := NewWatch(p, 8)
	w.Start()
	defer w.Stop()
	if r.FLOPS, err = w.rate(func() float64 { return float64(C.sk_peak(p.c, 500_000)) }); err != nil {
		return r, err
	}
	if r.Memory, err = w.bandwidth(farBytes, true); err != nil {
		return r, err
	}
	r.Cache, err = w.bandwidth(nearBytes, false)
	return r, err
}

// bandwidth is that of a = b + c/2 on arrays that fill so many bytes a worker, where each array
// counts once. past stores a past the cache.
func (w *Watch) bandwidth(bytes int64, past bool) (float64, error) {
	floats := bytes / 12 / lanes * lanes
	memory, err := NewArena(3 * floats * int64(w.p.Workers()))
	if err != nil {
		return 0, err
	}
	defer memory.Close()
	rounds := max(1, farBytes/bytes)
	return w.rate(func() float64 {
		return float64(C.sk_triad(w.p.c, (*C.float)(memory.base), C.int64_t(floats), C.int(rounds), cbool(past)))
	})
}

// rate is the most that run's amount comes to in a second of processor time of a worker.
func (w *Watch) rate(run func() float64) (best float64, err error) {
	for range 8 {
		amount, busy := run(), time.Duration(0)
		spans, err := w.Take(nil)
		if err != nil {
			return 0, err
		}
		for _, s := range spans {
			busy += s.Processor
		}
		best = max(best, amount/busy.Seconds())
	}
	return best, nil
}

// dispatch hands every worker a task of nothing.
func dispatch(p *Pool) { C.sk_peak(p.c, 0) }
