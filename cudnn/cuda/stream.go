package cuda

// Stream is a queue of work on the device: work on one stream runs in order, work on two streams
// may overlap.
type Stream struct {
	ctx    *Context
	handle uintptr // 0 when closed
}

// NewStream makes a stream of the lowest priority that does not wait for the legacy default stream.
// The context must be current. (cuStreamCreateWithPriority)
func (c *Context) NewStream() (*Stream, error) { return c.newStream("Context.NewStream", 0) }

// NewStreamPriority makes a stream whose kernels go before those of streams with a greater number.
// StreamPriorities gives the range; numbers outside are taken as its nearest end.
// (cuStreamCreateWithPriority)
func (c *Context) NewStreamPriority(priority int) (*Stream, error) {
	return c.newStream("Context.NewStreamPriority", priority)
}

func (c *Context) newStream(op string, priority int) (*Stream, error) {
	if c.closed() {
		return nil, closed(op, "context")
	}
	r := cStreamNew(c.handle, priority)
	if r.status != 0 {
		return nil, failed(op, r.status, "")
	}
	c.count("stream", 1)
	return &Stream{c, uintptr(r.value)}, nil
}

// StreamPriorities returns the numbers of the least and of the greatest priority, such as 0 and -5.
// (cuCtxGetStreamPriorityRange)
func (c *Context) StreamPriorities() (least, greatest int, err error) {
	const op = "Context.StreamPriorities"
	if c.closed() {
		return 0, 0, closed(op, "context")
	}
	r := cPriorities(c.handle)
	return int(int64(r.value)), int(int64(r.more)), failed(op, r.status, "")
}

// Handle returns the CUstream, for other libraries; 0 when closed.
func (s *Stream) Handle() uintptr {
	if s == nil {
		return 0
	}
	return s.handle
}

// Context returns the context that the stream belongs to, also when closed.
func (s *Stream) Context() *Context {
	if s == nil {
		return nil
	}
	return s.ctx
}

// Synchronize waits until all work on the stream is done, and returns its error.
// (cuStreamSynchronize)
func (s *Stream) Synchronize() error {
	const op = "Stream.Synchronize"
	if s.closed() {
		return closed(op, "stream")
	}
	return failed(op, cStreamSynchronize(s.handle), "")
}

// Query returns nil if all work on the stream is done, ErrNotReady if it is not, and otherwise the
// error of the work. (cuStreamQuery)
func (s *Stream) Query() error {
	const op = "Stream.Query"
	if s.closed() {
		return closed(op, "stream")
	}
	switch st := cStreamQuery(s.handle); st {
	case 0:
		return nil
	case ErrNotReady:
		return ErrNotReady // no *Error: polling does not allocate
	default:
		return failed(op, st, "")
	}
}

// Wait makes all later work on the stream wait until the event, as last recorded, has happened. The
// host does not wait. In a capture it joins the event's stream to the capture. (cuStreamWaitEvent)
func (s *Stream) Wait(e *Event) error {
	const op = "Stream.Wait"
	if s.closed() {
		return closed(op, "stream")
	}
	if e.closed() {
		return closed(op, "event")
	}
	return failed(op, cStreamWait(s.handle, e.handle), "")
}

// Close ends the stream; queued work still runs. It may be called twice, and from any thread.
// (cuStreamDestroy)
func (s *Stream) Close() error {
	if s.closed() {
		return nil
	}
	h := s.handle
	s.handle = 0
	s.ctx.count("stream", -1)
	return failed("Stream.Close", cStreamFree(s.ctx.handle, h), "")
}

func (s *Stream) closed() bool { return s == nil || s.handle == 0 }
