package main

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// pauses adds up the time for which the process was stopped (Ctrl-Z, SIGSTOP, a scheduler that
// suspends), which is not time of training.
type pauses struct {
	total atomic.Int64 // nanoseconds
	stop  chan struct{}
}

const (
	beat   = 100 * time.Millisecond
	missed = 10 * beat // a gap longer than any busy machine makes
)

// watchPauses begins to watch. SIGCONT marks the end of a pause, and the last beat before it the
// beginning.
func watchPauses() *pauses {
	p := &pauses{stop: make(chan struct{})}
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	ticker := time.NewTicker(beat)
	go func() {
		defer ticker.Stop()
		p.watch(ticker.C, continued, time.Now)
	}()
	return p
}

// watch runs until p.stop is closed.
func (p *pauses) watch(ticks <-chan time.Time, continued <-chan os.Signal, now func() time.Time) {
	last := now()
	// This is a long gap that the tick behind a pause found before the signal came.
	gap := time.Duration(0)
	for {
		select {
		case <-p.stop:
			return
		case <-ticks:
			t := now()
			if gap = t.Sub(last); gap < missed {
				gap = 0
			}
			last = t
		case <-continued:
			t := now()
			if d := max(gap, t.Sub(last)); d >= missed {
				p.total.Add(int64(d))
			}
			last, gap = t, 0
		}
	}
}

// sum is the time for which the process was stopped so far.
func (p *pauses) sum() time.Duration { return time.Duration(p.total.Load()) }
