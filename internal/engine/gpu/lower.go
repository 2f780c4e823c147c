package gpu

import (
	"fmt"
	"slices"

	kernels "shake/csrc/cuda"
	"shake/internal/engine"
	"shake/internal/graph"
)

// Lower makes the list of a graph's training step for a batch of n images in so many replicas,
// stored as t.
func Lower(g *graph.Graph, t kernels.Type, n, replicas int, r Recipe) (*List, error) {
	l, err := lower(g, t, n, replicas, r, nil)
	if err == nil {
		e := l.evaluationBatch()
		l.evaluates(e, e)
	}
	return l, err
}

// lowerShare makes the list of one card of several, which has a share of the replicas, for batches
// of which all cards have c's. An evaluation's batch is that of one card with all replicas, so that
// all cards have the same.
func lowerShare(g *graph.Graph, t kernels.Type, all engine.Config, share engine.Share, s *Several) (*List, error) {
	l, err := lower(g, t, share.Most(all.Batch), share.Count, RecipeOf(all), s)
	if err != nil {
		return nil, err
	}
	whole, err := lower(g, t, all.Batch, all.Replicas, RecipeOf(all), nil)
	if err != nil {
		return nil, err
	}
	e := whole.evaluationBatch()
	l.evaluates(share.Most(e), e)
	return l, nil
}

func lower(g *graph.Graph, t kernels.Type, n, replicas int, r Recipe, s *Several) (*List, error) {
	plan, err := engine.NewPlan(g, lanes, graph.Apart)
	if err != nil {
		return nil, err
	}
	l := lowering{
		List:   &List{Plan: plan, Type: t, Batch: n, Replicas: replicas, Several: s, Recipe: r},
		stored: map[engine.View]BufID{},
		calls:  map[*graph.Conv][]Call{},
		done:   map[*graph.Conv]bool{},
	}
	if err := l.convs(); err != nil {
		return nil, err
	}
	l.emit(&Augment{Y: 0})
	if l.Params.Packed > 0 {
		l.beside(&Pack{})
	}
	for _, s := range plan.Forward {
		l.enter(s)
		if err := l.forward(s); err != nil {
			return nil, err
		}
	}
	l.back = true
	l.stream = mainStream
	l.head(&plan.Head)
	for _, s := range plan.Backward {
		l.enter(s)
		if err := l.backward(s); err != nil {
			return nil, err
		}
	}
	l.stream = mainStream
	if l.Params.Loose > 0 {
		l.beside(&Unpack{})
	}
	l.sgd()
	l.gather()
	if s != nil {
		l.exchange()
	}
	l.findStretches()
	l.schedule()
	return l.List, nil
}

// lowering turns a plan's steps into ops.
type lowering struct {
	*List
	stored map[engine.View]BufID // the buffer of each materialised view
	calls  map[*graph.Conv][]Call
	// convolutions whose backward pass is emitted
	done map[*graph.Conv]bool
	// parameters from here to Params.Convs are updated
	updated int
	back    bool // the ops at hand are of the backward pass
	stream  int  // of the step under way
}

// enter chooses the stream of a plan's step: that of the branch that it belongs to.
func (l *lowering) enter(s engine.PlanStep) {
	l.stream = mainStream
	if b := l.Plan.Branch(s); b > 0 && b%2 == 0 {
		l.stream = branchStream
	}
}

func (l *lowering) emit(o Op) { l.on(l.stream, o) }

// beside emits an op that the way to the next gradient does not wait for.
func (l *lowering) beside(o Op) { l.on(sideStream, o) }

func (l *lowering) on(stream int, o Op) {
	l.Ops, l.Items = append(l.Ops, o), append(l.Items, Item{Stream: stream})
}

// convs cuts every convolution into calls and lays out the parameters.
func (l *lowering) convs() error {
	var order [][]Call
	var ops []*graph.Conv
	for _, s := range l.Plan.Forward {
		if s, ok := s.(*engine.ConvStep); ok {
			cs, err := calls(l.Plan.Graph, s.Op)
			if err != nil {
				return err
			}
			order, ops = append(order, cs), append(ops, s.Op)
		}
	}
	l.Params = newParams(l.Plan.Graph, order, l.Plan.Norms)
	l.updated = l.Params.Convs
	for i, op := range ops {
		l.calls[op] = order[i]
	}
	return nil
}

// buffer adds a buffer of c channels the size of like.
func (l *lowering) buffer(name string, like BufID, c int, grad bool) BufID {
	b := l.Plan.Buffers[like]
	l.Plan.Buffers = append(l.Plan.Buffers, engine.Buffer{Name: name, C: c, H: b.H, W: b.W, Grad: grad, InPlace: engine.None})
	return BufID(len(l.Plan.Buffers) - 1)
}

// whole is every channel of a buffer.
func (l *List) whole(b BufID) Part { return Part{b, 0, l.Plan.Buffers[b].C} }

// lined says whether the lanes behind the last channel of p may be read and written with it, and p
// begins with whole lanes. Behind a part of a growing buffer they hold zeros, until a Concat writes
// there; a gradient's are not read again.
func (l *List) lined(p Part) bool {
	b := l.Plan.Buffers[p.Buf]
	return p.Off%lanes == 0 && (p.C%lanes == 0 || p.Off+p.C == b.C || b.Grows && p.Off == 0)
}

func isPlain(v engine.View) bool { return v.Norm == engine.None && !v.ReLU }

// part is the place of a view as a stored tensor: in place, or in a buffer of its own. The first
// call for a view materialises it.
func (l *lowering) part(v engine.View) Part {
	if isPlain(v) {
		return Part{v.Buf, v.Off, v.C}
	}
	b, ok := l.stored[v]
	if !ok {
		b = l.buffer("v "+l.Plan.Buffers[v.Buf].Name, v.Buf, v.C, false)
		l.stored[v] = b
		l.emit(&Apply{X: v, Y: b, Back: l.back})
	}
	return l.whole(b)
}

// forget drops a view of a growing buffer behind its reader, and the backward pass stores it again.
// Together the views of such a buffer are as many times larger than it as it has blocks.
func (l *lowering) forget(v engine.View) {
	if l.Plan.Buffers[v.Buf].Grows {
		delete(l.stored, v)
	}
}

// slice is channels off .. off+c-1 of p, with whole lanes.
func slice(p Part, off, c int) Part { return Part{p.Buf, p.Off + off, c} }

func (l *lowering) stats(b BufID, s []engine.StatsOf) {
	if len(s) > 0 {
		l.emit(&Stats{X: b, Stats: s})
	}
}

func (l *lowering) forward(s engine.PlanStep) error {
	switch s := s.(type) {
	case *engine.ConvStep:
		if b := l.Plan.Buffers[s.X.Buf]; isPlain(s.X) && !l.lined(Part{s.X.Buf, s.X.Off, s.X.C}) {
			return fmt.Errorf("gpu: a convolution reads channels %d to %d of %s, which are no whole lanes", s.X.Off, s.X.Off+s.X.C, b.Name)
		}
		x := l.part(s.X)
		for _, c := range l.calls[s.Op] {
			l.emit(&Conv{Call: c, X: slice(x, c.XOff, c.C), Y: Part{s.Y, c.YOff, c.K}})
		}
		l.forget(s.X)
		l.stats(s.Y, s.Stats)
	case *engine.NormStep: // the op that takes the statistics does this step
	case *engine.ApplyStep:
		l.emit(&Apply{X: s.X, Y: s.Y})
		l.stats(s.Y, s.Stats)
	case *engine.StatsStep:
		l.stats(s.X, s.Stats)
	case *engine.PoolStep:
		l.emit(&Pool{Op: s.Op, X: Part{s.X, s.Off, s.Op.X.C}, Y: s.Y})
	case *engine.DropStep:
		l.emit(&Drop{Op: s.Op, X: Part{s.X, s.Off, s.Op.X.C}, Y: s.Y})
	case *engine.CopyStep:
		l.copy(s)
	case *engine.JoinStep:
		j := &Join{JoinStep: s, Copy: engine.None}
		if v := (engine.View{Buf: s.Y, C: l.Plan.Buffers[s.Y].C, Norm: engine.None, ReLU: true}); l.convolved(v) {
			j.Copy = l.buffer("v "+l.Plan.Buffers[s.Y].Name, s.Y, v.C, false)
			l.stored[v] = j.Copy
		}
		l.emit(j)
		l.stats(s.Y, s.Stats)
	case *engine.CorrelateStep:
		l.emit(&Correlate{CorrelateStep: s, Index: l.Moments})
		l.Moments++
	default:
		return fmt.Errorf("gpu: no launch for forward step %T", s)
	}
	return nil
}

func (l *lowering) copy(s *engine.CopyStep) {
	l.emit(&Copy{X: Part{s.X, s.XOff, s.C}, Y: Part{s.Y, s.YOff, s.End - s.YOff}, Back: s.Back})
}

// convolved says whether a convolution reads v.
func (l *lowering) convolved(v engine.View) bool {
	return slices.ContainsFunc(l.Plan.Forward, func(s engine.PlanStep) bool {
		c, ok := s.(*engine.ConvStep)
		return ok && c.X == v
	})
}

func (l *lowering) head(s *engine.HeadStep) {
	h := &Head{Op: s.Op, X: s.X}
	if s.DX.Buf != engine.None {
		h.DX = &s.DX
		if h.DX.C%lanes != 0 {
			l.emit(&Clear{h.DX.Buf})
		}
	}
	l.emit(h)
	l.beside(&HeadGrad{s.Op})
	l.beside(&Tally{})
	l.sums(s.Sums)
}

// none is no part of any buffer.
var none = Part{Buf: engine.None}

// sums takes sums over complete gradients, those of one buffer in one launch.
func (l *lowering) sums(s []engine.SumsOf) {
	for len(s) > 0 {
		b := s[0].Of.Buf
		var now, later []engine.SumsOf
		for _, x := range s {
			if x.Of.Buf == b {
				now = append(now, x)
			} else {
				later = append(later, x)
			}
		}
		l.emit(&GradSum{Dst: l.whole(b), DX: none, Mask: none, Sums: now})
		s = later
	}
}

func (l *lowering) backward(s engine.PlanStep) error {
	switch s := s.(type) {
	case *engine.NormBackStep: // the op that takes the sums does this step
	case *engine.SumsStep:
		l.sums(s.Sums)
	case *engine.GradSumStep:
		l.emit(&GradSum{Dst: Part{s.Buf, s.Off, s.C}, Write: true, Accumulate: s.Accumulate, DX: none, Mask: none, Terms: s.Terms, Sums: s.Sums})
	case *engine.ConvBackStep:
		l.convBack(s)
	case *engine.PoolBackStep:
		l.emit(&PoolGrad{Op: s.Op, X: Part{s.X, s.Off, s.Op.X.C}, DY: s.DY, DX: s.DX})
	case *engine.DropStep:
		l.emit(&Drop{Op: s.Op, X: Part{s.X, s.Off, s.Op.X.C}, Y: s.Y, Back: true})
	case *engine.CopyStep:
		l.copy(s)
	default:
		return fmt.Errorf("gpu: no launch for backward step %T", s)
	}
	return nil
}

func plainGrad(g engine.Grad) bool {
	return g.Mask == engine.None && g.Block == engine.None && g.Norm == engine.None && !g.ReLU
}

// gradient is dy as cuDNN reads it: in place if it is stored in that form, else in a buffer of its
// own.
func (l *lowering) gradient(s *engine.ConvBackStep) Part {
	if len(s.DY) == 1 && plainGrad(s.DY[0]) {
		return Part{s.DY[0].Buf, s.DY[0].Off, s.DY[0].C}
	}
	y := s.DY[0].Buf
	if s.DY[0].Y != engine.None {
		y = s.DY[0].Y
	}
	b := l.buffer("dy "+l.Plan.Graph.Values[s.Op.Y].Name, y, l.Plan.Graph.Values[s.Op.Y].C, true)
	l.emit(&GradConcat{Y: b, Terms: s.DY})
	return l.whole(b)
}

func (l *lowering) convBack(s *engine.ConvBackStep) {
	dy, x := l.gradient(s), l.part(s.X)
	l.updateSome()
	l.done[s.Op] = true
	cs := l.calls[s.Op]
	for _, c := range cs {
		l.beside(&ConvFilter{Call: c, X: slice(x, c.XOff, c.C), DY: slice(dy, c.YOff, c.K)})
	}
	if s.DX == nil {
		return
	}
	l.forget(s.X)
	dst := Part{s.DX.Buf, s.DX.Off, s.DX.C}
	dx := dst
	summed := s.DX.ReLU || s.DX.Residual != nil // a sum follows, which reads dx
	if s.DX.Accumulate || summed && dst != l.whole(dst.Buf) {
		dx = l.whole(l.buffer("dx "+l.Plan.Buffers[dst.Buf].Name, dst.Buf, dst.C, true))
	}
	for _, c := range cs {
		l.emit(&ConvData{Call: c, DY: slice(dy, c.YOff, c.K), DX: slice(dx, c.XOff, c.C)})
	}
	if !s.DX.Accumulate && !summed {
		l.sums(s.Sums)
		return
	}
	o := &GradSum{Dst: dst, Write: true, Accumulate: s.DX.Accumulate, DX: dx, Mask: none, Sums: s.Sums}
	if s.DX.ReLU {
		o.Mask = x // relu(x) > 0 where x > 0
	}
	if s.DX.Residual != nil {
		o.Terms = []engine.Grad{*s.DX.Residual}
	}
	l.emit(o)
}
