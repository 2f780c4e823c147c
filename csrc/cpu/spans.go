package cpu

// #include "spans.h"
// #include "threads.h"
import "C"

import (
	"fmt"
	"time"
	"unsafe"
)

// Span is one worker's share of one dispatch of an operation.
type Span struct {
	Op         int // of Watch.Begin
	Worker     int
	Tasks      int
	Start, End time.Duration // by Clock
	// Processor is the time in between in which the worker had a processor.
	Processor time.Duration
}

// Watch keeps the spans of a pool's workers.
type Watch struct {
	p    *Pool
	c    *C.sk_spans
	logs []C.sk_span_log // by worker
}

// Clock is the clock of spans.
func Clock() time.Duration { return time.Duration(C.sk_clock()) }

// NewWatch makes room for most spans of every worker. Its memory is the pool's.
func NewWatch(p *Pool, most int) *Watch {
	w := &Watch{p: p, c: &calloc[C.sk_spans](p, 1)[0], logs: calloc[C.sk_span_log](p, p.Workers())}
	for i := range w.logs {
		w.logs[i].at = unsafe.SliceData(calloc[C.sk_span](p, most))
		w.logs[i].most = C.int32_t(most)
	}
	w.c.log = unsafe.SliceData(w.logs)
	return w
}

// Start has the pool's workers keep spans, from the next operation on. A pool has one watch at a
// time.
func (w *Watch) Start() { C.sk_pool_watch(w.p.c, w.c) }

// Stop ends that. The spans stay until Take.
func (w *Watch) Stop() { C.sk_pool_watch(w.p.c, nil) }

// Begin says which operation the following dispatches belong to.
func (w *Watch) Begin(op int) { w.c.op = C.int32_t(op) }

// Take appends the spans to to, worker by worker in the order of time, and forgets them. It is an
// error if there were more than the watch has room for.
func (w *Watch) Take(to []Span) ([]Span, error) {
	lost := 0
	for i := range w.logs {
		log := &w.logs[i]
		for _, s := range unsafe.Slice(log.at, log.most)[:log.n] {
			to = append(to, Span{Op: int(s.op), Worker: i, Tasks: int(s.tasks), Start: time.Duration(s.start),
				End: time.Duration(s.end), Processor: time.Duration(s.processor)})
		}
		lost += int(log.lost)
		log.n, log.lost = 0, 0
	}
	if lost > 0 {
		return to, fmt.Errorf("cpu: %d spans more than a watch of %d a worker holds", lost, w.logs[0].most)
	}
	return to, nil
}
