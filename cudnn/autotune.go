package cudnn

import (
	"slices"
	"time"

	"shake/cudnn/cuda"
)

// Timing is Autotune's result for one plan.
type Timing struct {
	Plan *Plan
	Time time.Duration // of one run: the median of five batches of runs
	Err  error         // the reason why the plan failed, or nil
}

const (
	autotuneBatches = 5
	autotuneTime    = 2 * time.Millisecond // approximate time of one batch
)

// SetWait has Autotune wait for the card by wait, which calls the event's Synchronize: so a caller
// can tell whether the host works or the card. nil is Synchronize itself.
func (h *Handle) SetWait(wait func(*cuda.Event) error) { h.wait = wait }

// Autotune times plans of one operation on the card and returns them fastest first; failed plans
// are last. The operation really runs, many times, on the handle's stream, and Autotune waits for
// the stream: the content of the outputs is lost. workspace must be as large as the largest
// Workspace; ptrs are as for Run. The fastest plan goes into the cache, where Plan and the
// operations' methods find it from then on.
//
// Errors: the error of Run if every plan fails; ErrInvalid if the handle has no stream (SetStream).
func (h *Handle) Autotune(plans []*Plan, workspace cuda.Ptr, ptrs ...cuda.Ptr) ([]Timing, error) {
	if err := h.usable("Autotune"); err != nil {
		return nil, err
	}
	switch {
	case h.ctx == nil:
		return nil, &Error{Op: "Autotune", On: h.card, kind: ErrOffline}
	case h.stream == nil:
		return nil, invalid("Autotune", "the handle has no stream: SetStream first")
	case len(plans) == 0:
		return nil, invalid("Autotune", "no plans")
	}
	start, err := h.ctx.NewEvent(true)
	if err != nil {
		return nil, err
	}
	defer start.Close()
	stop, err := h.ctx.NewEvent(true)
	if err != nil {
		return nil, err
	}
	defer stop.Close()

	out := make([]Timing, len(plans))
	for i, p := range plans {
		out[i].Plan = p
		out[i].Time, out[i].Err = h.time(p, start, stop, workspace, ptrs)
	}
	slices.SortStableFunc(out, func(a, b Timing) int {
		switch {
		case (a.Err == nil) != (b.Err == nil):
			if a.Err == nil {
				return -1
			}
			return 1
		}
		return int(a.Time - b.Time)
	})
	if out[0].Err != nil {
		return out, out[0].Err
	}
	out[0].Plan.keep(out[0].Time)
	return out, nil
}

// time runs a plan in batches that are long enough for the events' resolution. A batch is one graph
// of runs, since the host may take longer for a single run than the card. A plan that cannot be
// captured runs without a graph.
func (h *Handle) time(p *Plan, start, stop *cuda.Event, workspace cuda.Ptr, ptrs []cuda.Ptr) (time.Duration, error) {
	runs := func(n int) error {
		for range n {
			if err := p.Run(workspace, ptrs...); err != nil {
				return err
			}
		}
		return nil
	}
	between := func(f func() error) (time.Duration, error) {
		if err := start.Record(h.stream); err != nil {
			return 0, err
		}
		if err := f(); err != nil {
			return 0, err
		}
		if err := stop.Record(h.stream); err != nil {
			return 0, err
		}
		wait := h.wait
		if wait == nil {
			wait = (*cuda.Event).Synchronize
		}
		if err := wait(stop); err != nil {
			return 0, err
		}
		return stop.Since(start)
	}
	if _, err := between(func() error { return runs(2) }); err != nil { // the first run loads code
		return 0, err
	}
	once, err := between(func() error { return runs(1) })
	if err != nil {
		return 0, err
	}
	n := int(min(max(autotuneTime/max(once, 1), 1), 100))
	batch := func() error { return runs(n) }
	if g := h.captured(batch); g != nil {
		defer g.Close()
		batch = func() error { return g.Launch(h.stream) }
		if _, err := between(batch); err != nil { // the first launch uploads the graph
			return 0, err
		}
	}
	times := make([]time.Duration, autotuneBatches)
	for i := range times {
		if times[i], err = between(batch); err != nil {
			return 0, err
		}
	}
	slices.Sort(times)
	return times[autotuneBatches/2] / time.Duration(n), nil
}

// captured captures the work that f puts on the handle's stream as a graph. It returns nil if the
// work cannot be captured.
func (h *Handle) captured(f func() error) *cuda.GraphExec {
	if h.stream.BeginCapture(cuda.CaptureThreadLocal) != nil {
		return nil
	}
	err := f()
	g, end := h.stream.EndCapture()
	if end != nil {
		return nil
	}
	defer g.Close()
	if err != nil {
		return nil
	}
	e, err := g.Instantiate()
	if err != nil {
		return nil
	}
	return e
}
