package cpu

import (
	"testing"
	"time"
)

// Every dispatch of a watched pool has its spans: under the operation at hand, all tasks once,
// within the caller's clock, those of one worker after each other. A pool that is not watched keeps
// none.
func TestSpans(t *testing.T) {
	for _, workers := range []int{1, 3} {
		p := NewPool(workers)
		defer p.Close()
		w := NewWatch(p, 64)
		MeasurePeak(p) // before Start
		w.Start()
		w.Begin(7)
		from := Clock()
		const rounds = 5
		for range rounds {
			sgd := SGD{LR: 1}
			sgd.Run(p, p.Floats(1<<20), p.Floats(1<<20), p.Floats(1<<20), nil)
		}
		to := Clock()
		w.Stop()
		MeasurePeak(p) // after Stop
		spans, err := w.Take(nil)
		if err != nil {
			t.Fatal(err)
		}
		tasks, last := 0, make([]time.Duration, p.Workers())
		for _, s := range spans {
			if s.Op != 7 || s.Tasks < 1 || s.Worker < 0 || s.Worker >= p.Workers() {
				t.Errorf("%d workers: %+v: want operation 7, a worker of the pool and its tasks", workers, s)
				continue
			}
			tasks += s.Tasks
			if s.Start < from || s.End < s.Start || s.End > to || s.Start < last[s.Worker] {
				t.Errorf("%d workers: %+v is not within %v to %v, behind %v", workers, s, from, to, last[s.Worker])
			}
			last[s.Worker] = s.End
			// The two clocks are not read at one instant.
			if s.Processor <= 0 || s.Processor > s.End-s.Start+time.Millisecond {
				t.Errorf("%d workers: %+v: processor time of %v in %v", workers, s, s.Processor, s.End-s.Start)
			}
		}
		if want := rounds * sgdTasks(1<<20); tasks != want {
			t.Errorf("%d workers: %d tasks, want %d", workers, tasks, want)
		}
		if again, err := w.Take(nil); len(again) != 0 || err != nil {
			t.Errorf("%d workers: taken twice: %d spans, %v", workers, len(again), err)
		}
	}
}

// sgdTasks is the number of tasks of one step on n floats.
func sgdTasks(n int) int {
	const taskFloats = 1 << 14
	return (n + taskFloats - 1) / taskFloats
}

// A watch that is too small says so, and has room again afterwards.
func TestSpansWithoutRoom(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	w := NewWatch(p, 3)
	w.Start()
	defer w.Stop()
	for range 5 {
		dispatchOne(p)
	}
	spans, err := w.Take(nil)
	if err == nil || len(spans) != 3 {
		t.Errorf("%d spans, error %v: want 3, and an error for 2", len(spans), err)
	}
	dispatchOne(p)
	if spans, err := w.Take(nil); err != nil || len(spans) != 1 {
		t.Errorf("%d spans, error %v: want 1", len(spans), err)
	}
}

// dispatchOne runs one task on the caller.
func dispatchOne(p *Pool) { SGD{}.Run(p, p.Floats(16), p.Floats(16), p.Floats(16), nil) }

// The roofs are those of a processor: no memory is faster than a near cache, and the peak of one
// worker is about its part of the peak of all.
func TestRoofs(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	r, err := MeasureRoofs(p)
	if err != nil {
		t.Fatal(err)
	}
	if r.Memory < 1e8 || r.Cache < 0.8*r.Memory || r.Cache > 1e13 {
		t.Errorf("%.3g bytes a second of memory, %.3g of a near cache: these are none", r.Memory, r.Cache)
	}
	if all := 1e9 * MeasurePeak(p); r.FLOPS < 0.4*all || r.FLOPS > 1e13 {
		t.Errorf("%.3g FLOP/s of a worker, %.3g of two by the clock", r.FLOPS, all)
	}
}
