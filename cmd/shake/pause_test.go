package main

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// TestPauses steps a clock through stops and their signals, with the tick and the signal behind a
// stop in both orders.
func TestPauses(t *testing.T) {
	clock := time.Unix(0, 0)
	ticks, continued := make(chan time.Time), make(chan os.Signal)
	p := &pauses{stop: make(chan struct{})}
	asked := make(chan time.Time)
	go p.watch(ticks, continued, func() time.Time { return <-asked })
	asked <- clock
	tick := func(after time.Duration) {
		clock = clock.Add(after)
		ticks <- clock
		asked <- clock
	}
	cont := func(after time.Duration) {
		clock = clock.Add(after)
		continued <- syscall.SIGCONT
		asked <- clock
	}
	check := func(want time.Duration) {
		t.Helper()
		tick(0) // waits for earlier events
		if have := p.sum(); have != want {
			t.Errorf("have %v, want %v", have, want)
		}
	}
	tick(beat)
	cont(beat) // a scheduler's signal to a process that was not stopped
	check(0)
	tick(5 * time.Second) // a busy machine: no signal
	check(0)
	cont(time.Minute)
	check(time.Minute)
	tick(time.Hour)
	cont(0)
	check(time.Minute + time.Hour)
	close(p.stop)
}
