package gpu

import (
	"errors"

	"shake/cudnn"
	"shake/cudnn/cuda"
)

// runner is a list bound for one purpose and one number of images: the launches with all their
// arguments and, from the second run on, one graph of them.
type runner struct {
	mode  mode
	list  *List
	items []item
	begin *cuda.Event // behind the earlier work of the main stream
	graph *cuda.GraphExec
	runs  int
}

// item is the work of an op, or of a rival in place of several ops, and its place in the schedule.
type item struct {
	op     int // the first op of a step that the work is of
	work   []work
	stream int
	after  []*cuda.Event  // of items on other streams
	mark   *cuda.Event    // behind the work; nil: no wait
	clocks [2]*cuda.Event // in front of the work and behind it; nil: it is not timed
}

// work is one launch: a call of our kernel, a cuDNN plan, an exchange of several cards, or a buffer
// to clear.
type work struct {
	call      *cuda.Call
	do        func(*cuda.Stream) error // of several cards
	plan      *cudnn.Plan
	ptrs      []cuda.Ptr
	workspace cuda.Ptr
	clear     cuda.Ptr
	bytes     int64
}

// run queues w on s, which is the stream of cuDNN's handle if w is a plan.
func (w *work) run(s *cuda.Stream) error {
	switch {
	case w.call != nil:
		return w.call.Run(s)
	case w.plan != nil:
		return w.plan.Run(w.workspace, w.ptrs...)
	case w.do != nil:
		return w.do(s)
	}
	return s.Memset8(w.clear, 0, w.bytes)
}

// newRunner binds the program's list of a mode for a batch of n.
func (p *program) newRunner(m mode, n int) (*runner, error) {
	r, err := p.bindAll(m, n)
	if err != nil || !p.overlap.taken {
		return r, err
	}
	if err := r.overlap(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// bindAll is newRunner without programmatic launches.
func (p *program) bindAll(m mode, n int) (*runner, error) {
	r, err := p.bindItems(m, n)
	if err != nil {
		return nil, err
	}
	if err := p.giveWorkspaces(r); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// bindItems is bindAll but for the memory that cuDNN works in.
func (p *program) bindItems(m mode, n int) (*runner, error) {
	r := &runner{mode: m, list: p.list.of(m)}
	var groups []group
	for i := 0; i < len(r.list.Ops); {
		w, count, err := p.bindShare(m, i, n)
		if err != nil {
			r.close()
			return nil, err
		}
		if w != nil {
			g := group{stretch: stretch{i, count}, stream: r.list.Items[i].Stream}
			if m == training && p.taken[i] != nil && p.taken[i].count == count {
				t := p.taken[i]
				g.stream, g.cooperative = t.stream, t.cooperative
			}
			r.items = append(r.items, item{op: r.list.stepOp(i), work: w, stream: g.stream})
			groups = append(groups, g)
		}
		i += count
		p.backend.Group.did()
	}
	if err := p.join(r, groups); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// bindNext binds the rival taken at op i, or op i alone, and returns the number of ops that it
// binds.
func (p *program) bindNext(m mode, i, n int) (w []work, count int, err error) {
	if m == training && p.taken[i] != nil {
		w, err = p.bindRival(p.taken[i], n)
		if err == nil || !errors.Is(err, cudnn.ErrNotSupported) {
			return w, p.taken[i].count, err
		}
	}
	w, err = p.bind(m, i, n)
	return w, 1, err
}

// join gives r's items their edges, as events.
func (p *program) join(r *runner, groups []group) error {
	mark := func(e **cuda.Event) (err error) {
		if *e == nil {
			*e, err = p.dev.ctx.NewEvent(false)
		}
		return err
	}
	if err := mark(&r.begin); err != nil {
		return err
	}
	var last [allStreams]*item
	for g, it := range r.list.edges(groups) {
		x := &r.items[g]
		if last[it.Stream] == nil && it.Stream != mainStream {
			x.after = append(x.after, r.begin)
		}
		for _, h := range it.After {
			if err := mark(&r.items[h].mark); err != nil {
				return err
			}
			x.after = append(x.after, r.items[h].mark)
		}
		last[it.Stream] = x
	}
	end := item{stream: mainStream}
	for _, x := range last[mainStream+1:] {
		if x != nil {
			if err := mark(&x.mark); err != nil {
				return err
			}
			end.after = append(end.after, x.mark)
		}
	}
	r.items = append(r.items, end)
	return nil
}

// byStream is the work of r by stream.
func (r *runner) byStream() (all [streams][]*work) {
	for _, x := range r.items {
		if x.stream != cardsStream {
			all[x.stream] = append(all[x.stream], pointers(x.work)...)
		}
	}
	return all
}

// spare places workspaces of an evaluation in the part of the arena that its list leaves free,
// where those of the streams are too small: an address by stream, or 0. It also says whether the
// free part has room for all of them.
func (p *program) spare(r *runner) (at [streams]cuda.Ptr, all bool) {
	free := r.list.Arena
	all = true
	for stream, ws := range r.byStream() {
		most := largest(ws)
		if r.mode == training || most <= p.workspaces[stream].bytes {
			continue
		}
		if end := free + int(align(most)); end <= p.list.Arena {
			at[stream], free = p.dev.arena+cuda.Ptr(free), end
		} else {
			all = false
		}
	}
	return at, all
}

// giveWorkspaces makes all plans of r on one stream share a workspace.
func (p *program) giveWorkspaces(r *runner) error {
	spare, _ := p.spare(r)
	for stream, ws := range r.byStream() {
		if spare[stream] != 0 {
			lend(ws, spare[stream])
		} else if err := p.giveWorkspace(stream, ws); err != nil {
			return err
		}
	}
	return nil
}

func pointers(ws []work) (out []*work) {
	for i := range ws {
		out = append(out, &ws[i])
	}
	return out
}

// largest is the largest workspace of plans, in bytes.
func largest(ws []*work) (most int64) {
	for _, w := range ws {
		if w.plan != nil {
			most = max(most, w.plan.Workspace())
		}
	}
	return most
}

func lend(ws []*work, workspace cuda.Ptr) {
	for _, w := range ws {
		w.workspace = workspace
	}
}

// giveWorkspace makes all plans of ws share the workspace of a stream.
func (p *program) giveWorkspace(stream int, ws []*work) error {
	workspace, err := p.workspaceOf(stream, largest(ws))
	lend(ws, workspace)
	return err
}

// run queues r's work. The first run launches every item on its own, so that the libraries finish
// their work of first use. The second run captures the launches; from then on a run is one launch
// of a graph on the main stream.
func (p *program) run(r *runner) error {
	s := p.dev.streams[mainStream]
	r.runs++
	if r.graph == nil && r.runs > 1 && !p.backend.Eager {
		err := p.backend.Group.work(func() (err error) {
			r.graph, err = captured(s, func() error { return p.launch(r) })
			return err
		})
		if err != nil {
			return err
		}
	}
	if r.graph != nil {
		p.ranges.begin(r.mode)
		defer p.ranges.end(r.mode)
		return r.graph.Launch(s)
	}
	return p.backend.Group.work(func() error { return p.launch(r) })
}

// launch queues r's items on their streams. Work that the main stream holds comes before all of
// them, and work that it gets next comes behind.
func (p *program) launch(r *runner) (err error) {
	if err := r.begin.Record(p.dev.streams[mainStream]); err != nil {
		return err
	}
	now := mainStream // the stream of cuDNN's handle
	defer func() {
		if now != mainStream {
			err = errors.Join(err, p.dnn.SetStream(p.dev.streams[mainStream]))
		}
	}()
	p.ranges.begin(r.mode)
	defer p.ranges.end(r.mode)
	var before *item
	for i := range r.items {
		x := &r.items[i]
		s := p.dev.streams[x.stream]
		p.ranges.enter(before, x)
		for _, e := range x.after {
			if err := s.Wait(e); err != nil {
				return err
			}
		}
		if err := x.clock(0, s); err != nil {
			return err
		}
		if err := p.recorder.Push(uint64(x.op) + 1); err != nil {
			return err
		}
		for j := range x.work {
			if x.work[j].plan != nil && now != x.stream {
				if err := p.dnn.SetStream(s); err != nil {
					return err
				}
				now = x.stream
			}
			if err := x.work[j].run(s); err != nil {
				return err
			}
		}
		if err := p.recorder.Pop(); err != nil {
			return err
		}
		if err := x.clock(1, s); err != nil {
			return err
		}
		if x.mark != nil {
			if err := x.mark.Record(s); err != nil {
				return err
			}
		}
		// The item behind the last op has no work.
		p.ranges.leave(x, i == len(r.items)-2)
		p.backend.Group.did()
		before = x
	}
	return nil
}

// clock records the item's event in front (0) of its work or behind (1), if somebody times it.
func (x *item) clock(i int, s *cuda.Stream) error {
	if x.clocks[i] == nil {
		return nil
	}
	return x.clocks[i].Record(s)
}

// captured captures the work that f puts on the stream as a graph, and sends the graph to the card
// ahead of its first launch.
func captured(s *cuda.Stream, f func() error) (*cuda.GraphExec, error) {
	if err := s.BeginCapture(cuda.CaptureThreadLocal); err != nil {
		return nil, err
	}
	err := f()
	g, end := s.EndCapture()
	if err != nil {
		return nil, err
	}
	if end != nil {
		return nil, end
	}
	defer g.Close()
	x, err := g.Instantiate()
	if err != nil {
		return nil, err
	}
	if err := x.Upload(s); err != nil {
		x.Close()
		return nil, err
	}
	return x, nil
}

func (r *runner) close() {
	if r.graph != nil {
		r.graph.Close()
	}
	if r.begin != nil {
		r.begin.Close()
	}
	for _, x := range r.items {
		if x.mark != nil {
			x.mark.Close()
		}
		drop(x.work)
	}
}

// drop frees the bound work that a program does not keep.
func drop(ws []work) {
	for _, w := range ws {
		if w.call != nil {
			w.call.Close()
		}
	}
}
