package cuda

// CaptureMode says which calls of other threads and streams a capture forbids.
type CaptureMode int

// Global forbids unsafe calls (an allocation, say) by any thread, thread-local by the capturing
// thread, relaxed by none.
const (
	CaptureGlobal      CaptureMode = 0
	CaptureThreadLocal CaptureMode = 1
	CaptureRelaxed     CaptureMode = 2
)

// BeginCapture starts a capture: from now on the work on the stream is recorded instead of run. A
// stream that waits for one of its events takes part, and must come back the same way before
// EndCapture. The context must be current. (cuStreamBeginCapture)
func (s *Stream) BeginCapture(mode CaptureMode) error {
	const op = "Stream.BeginCapture"
	if s.closed() {
		return closed(op, "stream")
	}
	if mode < CaptureGlobal || mode > CaptureRelaxed {
		return invalid(op, "mode %d", int(mode))
	}
	return failed(op, cCaptureBegin(s.ctx.handle, s.handle, mode), "")
}

// Capturing tells whether the stream takes part in a capture. (cuStreamIsCapturing)
func (s *Stream) Capturing() (bool, error) {
	const op = "Stream.Capturing"
	if s.closed() {
		return false, closed(op, "stream")
	}
	r := cCaptureStatus(s.handle)
	return r.value != 0, failed(op, r.status, "")
}

// EndCapture ends the capture and returns the recorded work. It must come on the capturing stream
// and, except in relaxed mode, on the thread that began the capture. After a forbidden call it
// returns ErrCaptureInvalidated, and the stream can be used again. (cuStreamEndCapture)
func (s *Stream) EndCapture() (*Graph, error) {
	const op = "Stream.EndCapture"
	if s.closed() {
		return nil, closed(op, "stream")
	}
	r := cCaptureEnd(s.handle)
	if r.status != 0 {
		return nil, failed(op, r.status, "")
	}
	if r.value == 0 {
		return nil, failed(op, ErrCaptureInvalidated, "")
	}
	s.ctx.count("graph", 1)
	return &Graph{s.ctx, uintptr(r.value)}, nil
}

// Graph is captured work. It cannot run itself: Instantiate makes an executable graph.
type Graph struct {
	ctx    *Context
	handle uintptr // 0 when closed
}

// Instantiate prepares the graph to run; the graph may be closed afterwards. The modules, memory
// and pinned memory that it uses must outlive the result. The context must be current.
// (cuGraphInstantiate)
func (g *Graph) Instantiate() (*GraphExec, error) {
	const op = "Graph.Instantiate"
	if g.closed() {
		return nil, closed(op, "graph")
	}
	r := cGraphInstantiate(g.ctx.handle, g.handle)
	if r.status == ErrOutOfMemory {
		return nil, g.ctx.noMemory(op, r.status, 0)
	}
	if r.status != 0 {
		return nil, failed(op, r.status, "")
	}
	g.ctx.count("executable graph", 1)
	return &GraphExec{g.ctx, uintptr(r.value)}, nil
}

// Close frees the graph. It may be called twice, and from any thread. (cuGraphDestroy)
func (g *Graph) Close() error {
	if g.closed() {
		return nil
	}
	h := g.handle
	g.handle = 0
	g.ctx.count("graph", -1)
	return failed("Graph.Close", cGraphFree(h), "")
}

func (g *Graph) closed() bool { return g == nil || g.handle == 0 }

// GraphExec is a graph that can run.
type GraphExec struct {
	ctx    *Context
	handle uintptr // 0 when closed
}

// Launch queues the whole graph on the stream: its nodes run after all earlier work on the stream,
// in the order of its edges. Two launches of one GraphExec do not overlap. It does not allocate.
// (cuGraphLaunch)
func (x *GraphExec) Launch(s *Stream) error {
	const op = "GraphExec.Launch"
	if x.closed() {
		return closed(op, "graph")
	}
	if s.closed() {
		return closed(op, "stream")
	}
	return failed(op, cExecLaunch(x.handle, s.handle), "")
}

// Upload sends the graph to the device ahead of its first launch. (cuGraphUpload)
func (x *GraphExec) Upload(s *Stream) error {
	const op = "GraphExec.Upload"
	if x.closed() {
		return closed(op, "graph")
	}
	if s.closed() {
		return closed(op, "stream")
	}
	return failed(op, cExecUpload(x.handle, s.handle), "")
}

// Update takes over the parameters of a graph of the same topology, for launches from now on. The
// context must be current. If the graphs differ otherwise it returns ErrGraphUpdate, whose detail
// names the difference, and the executable graph stays unchanged. (cuGraphExecUpdate)
func (x *GraphExec) Update(g *Graph) error {
	const op = "GraphExec.Update"
	if x.closed() || g.closed() {
		return closed(op, "graph")
	}
	r := cExecUpdate(x.ctx.handle, x.handle, g.handle)
	if r.status == ErrGraphUpdate && r.value < uint64(len(updateRefusals)) {
		return failed(op, r.status, "%s", updateRefusals[r.value])
	}
	return failed(op, r.status, "")
}

// updateRefusals are the driver's reasons, by number.
var updateRefusals = [...]string{
	"", "it failed for a reason that the driver does not give", "the graphs have different nodes or edges", "a node changed its type",
	"a kernel node changed its function", "a node changed parameters that cannot change", "a node is of a type that cannot be updated",
	"a kernel node's new function cannot take its place", "a node changed its attributes",
}

// Close frees the executable graph; a queued launch still runs. It may be called twice, and from
// any thread. (cuGraphExecDestroy)
func (x *GraphExec) Close() error {
	if x.closed() {
		return nil
	}
	h := x.handle
	x.handle = 0
	x.ctx.count("executable graph", -1)
	return failed("GraphExec.Close", cExecFree(x.ctx.handle, h), "")
}

func (x *GraphExec) closed() bool { return x == nil || x.handle == 0 }
