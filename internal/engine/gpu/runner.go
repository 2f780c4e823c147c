package gpu

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"shake/cudnn"
	"shake/cudnn/cuda"
)

// runner is a list bound for one purpose and one number of images: the launches with all their
// arguments and, from the second run on, one graph of them.
type runner struct {
	items []item
	begin *cuda.Event // behind what the main stream held before
	graph *cuda.GraphExec
	runs  int
}

// item is the work of an op, or of a rival in place of several ops, and its place in the schedule.
type item struct {
	op     int // the first that the work is of
	work   []work
	stream int
	after  []*cuda.Event  // of items on other streams
	mark   *cuda.Event    // behind the work; nil: nobody waits for it
	clocks [2]*cuda.Event // in front of the work and behind it; nil: nobody times it
}

// work is one launch: a call of our kernel, a cuDNN plan, what several cards do together, or a
// buffer to clear.
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

// newRunner binds the program's list for a batch of n.
func (p *program) newRunner(m mode, n int) (*runner, error) {
	r := &runner{}
	var groups [][2]int
	for i := 0; i < len(p.list.Ops); {
		w, count, err := p.bindShare(m, i, n)
		if err != nil {
			r.close()
			return nil, err
		}
		if w != nil {
			r.items = append(r.items, item{op: i, work: w, stream: p.list.Items[i].Stream})
			groups = append(groups, [2]int{i, count})
		}
		i += count
	}
	if err := errors.Join(p.join(r, groups), p.giveWorkspaces(r)); err != nil {
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
func (p *program) join(r *runner, groups [][2]int) error {
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
	for g, it := range p.list.edges(groups) {
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

// giveWorkspaces makes all plans of r on one stream share a workspace.
func (p *program) giveWorkspaces(r *runner) error {
	var all [allStreams][]*work
	for _, x := range r.items {
		all[x.stream] = append(all[x.stream], pointers(x.work)...)
	}
	for stream, ws := range all {
		if stream == cardsStream {
			continue
		}
		if err := p.giveWorkspace(stream, ws); err != nil {
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

// giveWorkspace makes all plans of ws share the workspace of a stream.
func (p *program) giveWorkspace(stream int, ws []*work) error {
	var most int64
	for _, w := range ws {
		if w.plan != nil {
			most = max(most, w.plan.Workspace())
		}
	}
	workspace, err := p.workspaceOf(stream, most)
	for _, w := range ws {
		w.workspace = workspace
	}
	return err
}

// bind binds op i for n images. It returns nil for an op of training alone if m is another mode.
func (p *program) bind(m mode, i, n int) ([]work, error) {
	o := p.list.Ops[i]
	if m == evaluation && trains(o) {
		return nil, nil
	}
	if c, ok := o.(*Clear); ok {
		return []work{{clear: p.dev.address(p.list, buffer(c.Y)), bytes: int64(p.list.Plan.Buffers[c.Y].Size)}}, nil
	}
	if c := p.list.convolution(o, n, p.precision); c != nil {
		w, err := p.bindGroups(o, c, n)
		if err != nil {
			return nil, fmt.Errorf("gpu: %s for %d images: %w", p.list.op(o), n, err)
		}
		return w, nil
	}
	k := p.kernels[m][i]
	if k == nil {
		return nil, nil
	}
	call, err := p.bindKernel(k, n)
	if err != nil {
		return nil, fmt.Errorf("gpu: %s: %w", p.list.op(o), err)
	}
	return []work{{call: call}}, nil
}

// trains says whether o is an op of training alone.
func trains(o Op) bool {
	switch o := o.(type) {
	case *Augment, *Pack, *Conv, *Apply, *Pool, *Join, *Correlate, *Head, *Tally:
		return false
	case *Drop:
		return o.Back
	case *Copy:
		return o.Back
	}
	return true
}

// bindKernel packs the arguments of a launch for n images.
func (p *program) bindKernel(k *bound, n int) (*cuda.Call, error) { return p.bindKernelAt(k, n, 0) }

// bindKernelAt is bindKernel for images that begin at image lo of a batch of several cards: their
// losses, errors and logits have places there.
func (p *program) bindKernelAt(k *bound, n, lo int) (*cuda.Call, error) {
	args := make([]any, len(k.Args))
	for i, a := range k.Args {
		v := 0
		switch a.Kind {
		case Images:
			v = n
		case Number:
			v = a.Index
		}
		at := p.dev.address(p.list, a)
		switch a.Kind {
		case Loss, Wrong:
			at += cuda.Ptr(4 * lo)
		case Logits:
			at += cuda.Ptr(4 * lo * p.list.Plan.Graph.Classes)
		}
		args[i] = argument(k.Kernel.Args[i].Kind, v, at)
	}
	size := n
	if k.N > 0 {
		size = k.N
	}
	l := k.Kernel.Fit(size, k.room)
	return k.function.NewCall(cuda.Launch{Grid: l.Grid, Block: l.Block, Shared: l.Shared}, args...)
}

// launchOnce queues a launch that belongs to no batch.
func (p *program) launchOnce(k *bound) error {
	call, err := p.bindKernel(k, 1)
	if err != nil {
		return err
	}
	defer call.Close()
	return call.Run(p.dev.streams[mainStream])
}

// bindGroups binds a convolution. It cuts a convolution with groups into one for each group where
// cuDNN has no engine for the whole, or where the parts were measured to be faster.
func (p *program) bindGroups(o Op, c *convolution, n int) ([]work, error) {
	whole, err := p.bindConvolution(o, c, n)
	pieces := slicesOf(o)
	if err != nil && (pieces == nil || !errors.Is(err, cudnn.ErrNotSupported)) {
		return nil, err
	}
	if err == nil && (pieces == nil || whole.plan.Time() == 0) {
		return []work{whole}, nil
	}
	var cut []work
	var took time.Duration
	for _, piece := range pieces {
		w, failed := p.bindConvolution(piece, p.list.convolution(piece, n, p.precision), n)
		if failed != nil {
			if err == nil {
				return []work{whole}, nil
			}
			return nil, failed
		}
		cut, took = append(cut, w), took+w.plan.Time()
	}
	if err == nil && took >= whole.plan.Time() {
		return []work{whole}, nil
	}
	return cut, nil
}

// bindConvolution makes the plan of a convolution, or takes one of the same shape, and binds the
// addresses of its operands.
func (p *program) bindConvolution(o Op, c *convolution, n int) (work, error) {
	w := work{ptrs: make([]cuda.Ptr, len(c.at))}
	for i, a := range c.at {
		w.ptrs[i] = p.dev.address(p.list, a) + cuda.Ptr(int64(c.off[i])*c.t[i].Type.Size())
	}
	var err error
	w.plan, err = p.planOf(c.key(), func() (*cudnn.Plan, error) {
		if n < p.cfg.Batch {
			if full := p.plans[p.list.convolution(o, p.cfg.Batch, p.precision).key()]; full != nil {
				return p.ragged(c, full)
			}
		}
		return p.choose(c, w.ptrs)
	})
	return w, err
}

// planOf is the program's plan with that key, made on first use.
func (p *program) planOf(key string, prepare func() (*cudnn.Plan, error)) (*cudnn.Plan, error) {
	if plan := p.plans[key]; plan != nil {
		return plan, nil
	}
	plan, err := prepare()
	if err == nil {
		p.plans[key] = plan
	}
	return plan, err
}

// choose picks a convolution's engine: the choice that an earlier run measured on such a card, else
// the first proposal of the library's heuristics or, with tuning, the fastest of its proposals.
func (p *program) choose(c *convolution, ptrs []cuda.Ptr) (*cudnn.Plan, error) {
	options := c.options(p.cfg.Deterministic)
	plan, err := c.plan(p.dnn, c.t[0], c.t[1], c.t[2], c.desc, options...)
	if err != nil || !p.backend.Tune || plan.Time() > 0 {
		return plan, err
	}
	if !p.tuned {
		p.tuned = true
		p.say("timing cuDNN's engines on this card, which is done once for each shape")
	}
	all, err := c.plans(p.dnn, c.t[0], c.t[1], c.t[2], c.desc, append(options, cudnn.Candidates(candidates))...)
	if err != nil {
		return plan, nil // without tuning the heuristics' first proposal is taken
	}
	defer func() {
		for _, x := range append(all, plan) {
			if x != nil {
				x.Close()
			}
		}
	}()
	var most int64
	for _, x := range all {
		most = max(most, x.Workspace())
	}
	var workspace cuda.Ptr
	if most > 0 {
		m, err := p.dev.ctx.Alloc(most)
		if err != nil {
			return nil, err
		}
		defer m.Close()
		workspace = m.Ptr()
	}
	times, err := p.dnn.Autotune(all, workspace, ptrs...)
	if err != nil {
		return nil, err
	}
	best := times[0].Plan
	all[slices.Index(all, best)] = nil
	return best, nil
}

// candidates is the number of the library's proposals that are timed.
const candidates = 6

func (p *program) say(line string) {
	if p.backend.Report != nil {
		p.backend.Report(line)
	}
}

// workspaceOf returns memory of at least n bytes. All work on a stream may share it, since a stream
// runs one entry after the other.
func (p *program) workspaceOf(stream int, n int64) (cuda.Ptr, error) {
	w := &p.workspaces[stream]
	if n > w.bytes {
		m, err := p.dev.ctx.Alloc(n)
		if err != nil {
			return 0, fmt.Errorf("gpu: memory for cuDNN to work in: %w", err)
		}
		p.dev.owned = append(p.dev.owned, m) // the earlier workspace may still be part of a graph
		w.at, w.bytes = m.Ptr(), n
	}
	return w.at, nil
}

// run queues r's work. The first run launches every item on its own, so that the libraries finish
// their work of first use. The second run captures the launches; from then on a run is one launch
// of a graph on the main stream.
func (p *program) run(r *runner) error {
	s := p.dev.streams[mainStream]
	r.runs++
	if r.graph == nil && r.runs > 1 && !p.backend.Eager {
		var err error
		if r.graph, err = captured(s, func() error { return p.launch(r) }); err != nil {
			return err
		}
	}
	if r.graph != nil {
		return r.graph.Launch(s)
	}
	return p.launch(r)
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
	for i := range r.items {
		x := &r.items[i]
		s := p.dev.streams[x.stream]
		for _, e := range x.after {
			if err := s.Wait(e); err != nil {
				return err
			}
		}
		if err := x.clock(0, s); err != nil {
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
		if err := x.clock(1, s); err != nil {
			return err
		}
		if x.mark != nil {
			if err := x.mark.Record(s); err != nil {
				return err
			}
		}
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
