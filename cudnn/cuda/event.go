package cuda

import (
	"math"
	"time"
)

// Event is a mark in a stream: it happens when all work queued before it is done.
type Event struct {
	ctx    *Context
	handle uintptr // 0 when closed
	timing bool
}

// NewEvent makes an event. With timing, Since can measure by it; without timing, it is cheaper. The
// context must be current. (cuEventCreate)
func (c *Context) NewEvent(timing bool) (*Event, error) {
	const op = "Context.NewEvent"
	if c.closed() {
		return nil, closed(op, "context")
	}
	r := cEventNew(c.handle, timing)
	if r.status != 0 {
		return nil, failed(op, r.status, "")
	}
	c.count("event", 1)
	return &Event{c, uintptr(r.value), timing}, nil
}

// Handle returns the CUevent, for other libraries; 0 when closed.
func (e *Event) Handle() uintptr {
	if e == nil {
		return 0
	}
	return e.handle
}

// Record puts the event behind all work queued on the stream so far; an earlier recording is
// forgotten. (cuEventRecord)
func (e *Event) Record(s *Stream) error {
	const op = "Event.Record"
	if e.closed() {
		return closed(op, "event")
	}
	if s.closed() {
		return closed(op, "stream")
	}
	return failed(op, cEventRecord(e.handle, s.handle), "")
}

// Synchronize waits until the event, as last recorded, has happened. An event that was never
// recorded has happened. (cuEventSynchronize)
func (e *Event) Synchronize() error {
	const op = "Event.Synchronize"
	if e.closed() {
		return closed(op, "event")
	}
	return failed(op, cEventSynchronize(e.handle), "")
}

// Query returns nil if the event, as last recorded, has happened, ErrNotReady if it has not, and
// otherwise the error of the work before it. (cuEventQuery)
func (e *Event) Query() error {
	const op = "Event.Query"
	if e.closed() {
		return closed(op, "event")
	}
	switch st := cEventQuery(e.handle); st {
	case 0:
		return nil
	case ErrNotReady:
		return ErrNotReady
	default:
		return failed(op, st, "")
	}
}

// Since returns the device's time from start to e, to about half a microsecond. Both events need
// timing and must have been recorded. It returns ErrNotReady if one of them has not happened yet.
// (cuEventElapsedTime)
func (e *Event) Since(start *Event) (time.Duration, error) {
	const op = "Event.Since"
	if e.closed() || start.closed() {
		return 0, closed(op, "event")
	}
	if !e.timing || !start.timing {
		return 0, invalid(op, "an event made without timing")
	}
	r := cEventElapsed(start.handle, e.handle)
	if r.status != 0 {
		return 0, failed(op, r.status, "")
	}
	return time.Duration(float64(math.Float32frombits(uint32(r.value))) * float64(time.Millisecond)), nil
}

// Close ends the event. It may be called twice, and from any thread. (cuEventDestroy)
func (e *Event) Close() error {
	if e.closed() {
		return nil
	}
	h := e.handle
	e.handle = 0
	e.ctx.count("event", -1)
	return failed("Event.Close", cEventFree(e.ctx.handle, h), "")
}

func (e *Event) closed() bool { return e == nil || e.handle == 0 }
