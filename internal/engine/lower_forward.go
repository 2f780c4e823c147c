package engine

import (
	"fmt"

	"shake/internal/graph"
)

// lowering turns a fused graph into a plan's steps.
type lowering struct {
	p *Plan
	g *graph.Graph

	def    []graph.Op // the op that defines each value; nil for the input
	buf    []BufID    // each stored value's buffer, None if virtual
	norm   map[*graph.Norm]NormID
	writer []PlanStep // the forward step that writes each stored value

	slots map[graph.ValueID]*slot // gradients being collected, lower_backward.go
	grows growth
	heads int
}

func newLowering(p *Plan) *lowering {
	l := &lowering{p: p, g: p.Graph, norm: map[*graph.Norm]NormID{}, slots: map[graph.ValueID]*slot{}, grows: newGrowth(p.Graph)}
	p.branches = l.g.Branches()
	n := len(l.g.Values)
	l.def, l.buf, l.writer = make([]graph.Op, n), make([]BufID, n), make([]PlanStep, n)
	for i := range l.buf {
		l.buf[i] = None
	}
	return l
}

// newBuffer adds a buffer shaped like value v.
func (l *lowering) newBuffer(name string, v graph.Value, grad bool) BufID {
	c := (v.C + l.p.Align - 1) / l.p.Align * l.p.Align
	l.p.Buffers = append(l.p.Buffers, Buffer{Name: name, C: v.C, H: v.H, W: v.W, Grad: grad, Size: c * v.H * v.W, InPlace: None})
	return BufID(len(l.p.Buffers) - 1)
}

// store gives value id memory, written by step s.
func (l *lowering) store(id graph.ValueID, s PlanStep) BufID {
	l.buf[id] = l.newBuffer(l.g.Values[id].Name, l.g.Values[id], false)
	l.p.Buffers[l.buf[id]].branch = l.p.branches[id]
	l.writer[id] = s
	return l.buf[id]
}

// view says how to read r. Virtual values are recomputed from the stored input of the op that
// defines them.
func (l *lowering) view(r graph.Ref) (View, error) {
	if b := l.buf[r.Value]; b != None {
		return View{Buf: b, Off: r.Off, C: r.C, Norm: None}, nil
	}
	switch op := l.def[r.Value].(type) {
	case *graph.ReLU:
		if b := l.buf[op.X.Value]; b != None {
			return View{Buf: b, Off: op.X.Off + r.Off, C: r.C, Norm: None, ReLU: true}, nil
		}
	case *graph.Norm:
		if b := l.buf[op.X.Value]; b != None {
			return View{Buf: b, Off: op.X.Off + r.Off, C: r.C, Norm: l.norm[op], NormOff: r.Off, ReLU: op.ReLU}, nil
		}
	}
	return View{}, fmt.Errorf("engine: value %s is virtual and not recomputable from a stored one", l.g.Values[r.Value].Name)
}

// forward lowers the ops in order.
func (l *lowering) forward() error {
	l.store(l.g.Input, nil)
	for _, op := range l.g.Ops {
		if err := l.forwardOp(op); err != nil {
			return err
		}
		if y, ok := graph.Output(op); ok && l.grows.heads[y] {
			l.place(graph.Ref{Value: y, C: l.g.Values[y].C}, y, 0)
		}
	}
	if l.heads != 1 {
		return fmt.Errorf("engine: graph %s has %d heads, want 1", l.g.Name, l.heads)
	}
	return nil
}

func (l *lowering) forwardOp(op graph.Op) error {
	switch op := op.(type) {
	case *graph.Conv:
		x, err := l.view(op.X)
		if err != nil {
			return err
		}
		s := &ConvStep{Op: op, X: x}
		s.Y = l.store(op.Y, s)
		l.define(op.Y, op, s)
	case *graph.Norm:
		return l.forwardNorm(op)
	case *graph.ReLU:
		l.def[op.Y] = op
		if l.g.Values[op.Y].Virtual {
			return nil
		}
		x, err := l.view(op.X)
		if err != nil {
			return err
		}
		x.ReLU = true
		l.apply(op.Y, op, x)
	case *graph.Pool:
		s := &PoolStep{Op: op, X: l.buf[op.X.Value], Off: op.X.Off}
		s.Y = l.store(op.Y, s)
		l.define(op.Y, op, s)
	case *graph.Dropout:
		s := &DropStep{Op: op, X: l.buf[op.X.Value], Off: op.X.Off}
		s.Y = l.store(op.Y, s)
		l.define(op.Y, op, s)
	case *graph.Widen:
		s := &CopyStep{X: l.buf[op.X.Value], XOff: op.X.Off, C: op.X.C, End: l.g.Values[op.Y].C}
		s.Y = l.store(op.Y, s)
		l.define(op.Y, op, s)
	case *graph.Concat:
		l.forwardConcat(op)
	case *graph.Join:
		return l.forwardJoin(op)
	case *graph.Correlate:
		a, err := l.view(op.A)
		if err != nil {
			return err
		}
		b, err := l.view(op.B)
		if err != nil {
			return err
		}
		l.p.Forward = append(l.p.Forward, &CorrelateStep{A: a, B: b})
	case *graph.Head:
		x, err := l.view(op.X)
		if err != nil {
			return err
		}
		l.heads++
		l.p.Head = HeadStep{Op: op, X: x}
	default:
		return fmt.Errorf("engine: the passes left an op %T that no device runs", op)
	}
	return nil
}

func (l *lowering) define(y graph.ValueID, op graph.Op, s PlanStep) {
	l.def[y] = op
	l.p.Forward = append(l.p.Forward, s)
}

func (l *lowering) apply(y graph.ValueID, op graph.Op, x View) {
	s := &ApplyStep{X: x}
	s.Y = l.store(y, s)
	l.define(y, op, s)
}

// forwardNorm asks the writer of the norm's input for statistics, and stores the norm's output only
// if a reader needs it stored.
func (l *lowering) forwardNorm(op *graph.Norm) error {
	if l.buf[op.X.Value] == None {
		return fmt.Errorf("engine: norm %s reads virtual value %s", op.Parts[0].Name, l.g.Values[op.X.Value].Name)
	}
	id := NormID(len(l.p.Norms))
	l.p.Norms, l.p.Shared = append(l.p.Norms, op), append(l.p.Shared, None)
	l.norm[op] = id
	l.def[op.Y] = op
	st := StatsOf{Norm: id, Off: op.X.Off}
	if op.X.Off == 0 && l.p.Buffers[l.buf[op.X.Value]].Grows {
		l.statistics(id, op)
		l.p.Forward = append(l.p.Forward, &NormStep{Norm: id})
		return l.storeNorm(id, op)
	}
	switch w := l.writer[op.X.Value].(type) {
	case *ConvStep:
		w.Stats = append(w.Stats, st)
	case *JoinStep:
		w.Stats = append(w.Stats, st)
	case *ApplyStep:
		w.Stats = append(w.Stats, st)
	default:
		l.p.Forward = append(l.p.Forward, &StatsStep{X: l.buf[op.X.Value], Stats: []StatsOf{st}})
	}
	l.p.Forward = append(l.p.Forward, &NormStep{Norm: id})
	return l.storeNorm(id, op)
}

// storeNorm stores a norm's output if a reader needs it stored.
func (l *lowering) storeNorm(id NormID, op *graph.Norm) error {
	if !l.g.Values[op.Y].Virtual {
		x := View{Buf: l.buf[op.X.Value], Off: op.X.Off, C: op.X.C, Norm: id, ReLU: op.ReLU}
		l.apply(op.Y, op, x)
	}
	return nil
}

func (l *lowering) forwardJoin(op *graph.Join) error {
	if l.single(op) {
		x := op.Branches[0].Value
		l.def[op.Y], l.buf[op.Y], l.writer[op.Y] = op, l.buf[x], l.writer[x]
		return nil
	}
	s := &JoinStep{Block: op.Block, ReLU: op.ReLU}
	for _, r := range op.Branches {
		v, err := l.view(r)
		if err != nil {
			return err
		}
		s.Branches = append(s.Branches, v)
	}
	if op.Skip != nil {
		v, err := l.view(*op.Skip)
		if err != nil {
			return err
		}
		s.Skip = &v
	}
	s.Y = l.store(op.Y, s)
	l.define(op.Y, op, s)
	return nil
}

// single says whether a join needs no step: it is its one branch, which is stored by itself.
func (l *lowering) single(op *graph.Join) bool {
	x := op.Branches[0]
	return l.g.Blocks[op.Block].Single(op) && l.buf[x.Value] != None && x.C == l.g.Values[x.Value].C
}
