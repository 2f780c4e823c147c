package engine

import (
	"fmt"
	"slices"

	"shake/internal/graph"
)

// slot collects the gradient of one value. It is kept for stored values and for virtual outputs of
// norms; a gradient that reaches a virtual ReLU goes, masked, to the slot of its input. A slot is
// cut into spans at every channel where some reader starts or ends.
//
// Contributions that are a Grad of some other buffer stay pending, so that the step that needs the
// sum can read them in place. If that is impossible they are stored into the slot's own buffer.
type slot struct {
	value graph.ValueID
	buf   BufID
	spans []span
}

type span struct {
	off, c  int
	written bool
	pending []Grad
}

// target is where the gradient of a reader's input goes.
type target struct {
	s      *slot
	off, c int
	relu   bool // masked by the stored input of a virtual ReLU being positive
}

func (l *lowering) target(r graph.Ref) target {
	if l.buf[r.Value] == None {
		if op, ok := l.def[r.Value].(*graph.ReLU); ok {
			return target{l.slot(l.grows.last(op.X.Value)), op.X.Off + r.Off, r.C, true}
		}
	}
	return target{l.slot(l.grows.last(r.Value)), r.Off, r.C, false}
}

func (l *lowering) slot(v graph.ValueID) *slot {
	s := l.slots[v]
	if s == nil {
		s = &slot{value: v, buf: None, spans: []span{{off: 0, c: l.g.Values[v].C}}}
		l.slots[v] = s
	}
	return s
}

// cut splits the span around channel at.
func (s *slot) cut(at int) {
	for i, sp := range s.spans {
		if at > sp.off && at < sp.off+sp.c {
			s.spans = slices.Insert(s.spans, i+1, span{off: at, c: sp.off + sp.c - at})
			s.spans[i].c = at - sp.off
			return
		}
	}
}

// cover returns the spans of channels off .. off+c-1, which were cut to fit.
func (s *slot) cover(off, c int) []*span {
	var out []*span
	for i := range s.spans {
		if sp := &s.spans[i]; sp.off >= off && sp.off+sp.c <= off+c {
			out = append(out, sp)
		}
	}
	return out
}

// sub is channels d .. d+c-1 of g.
func (g Grad) sub(d, c int) Grad {
	g.Off, g.C = g.Off+d, c
	g.MaskOff, g.NormOff, g.YOff = g.MaskOff+d, g.NormOff+d, g.YOff+d
	return g
}

// cuts prepares every slot's spans, last op first because a norm passes the cuts of its output on
// to its input.
func (l *lowering) cuts() {
	read := func(r graph.Ref) {
		t := l.target(r)
		t.s.cut(t.off)
		t.s.cut(t.off + t.c)
	}
	pass := func(y graph.ValueID, x graph.Ref) {
		t := l.target(x)
		read(x)
		for _, sp := range slices.Clone(l.slot(y).spans) {
			t.s.cut(t.off + sp.off)
		}
	}
	for i := len(l.g.Ops) - 1; i >= 0; i-- {
		switch op := l.g.Ops[i].(type) {
		case *graph.Conv:
			read(op.X)
		case *graph.Head, *graph.Pool, *graph.Dropout, *graph.Widen:
			read(graph.Inputs(op)[0])
		case *graph.Join:
			for _, r := range op.Branches {
				read(r)
			}
			if op.Skip != nil {
				read(*op.Skip)
			}
		case *graph.Concat:
			l.grows.added(op, func(x graph.Ref, off int) {
				wide := l.slot(l.grows.last(op.Y))
				wide.cut(off)
				wide.cut(off + x.C)
				read(x)
			})
		case *graph.Norm:
			pass(op.Y, op.X)
		case *graph.ReLU:
			if l.buf[op.Y] != None {
				pass(op.Y, op.X)
			}
		}
	}
}

// backward lowers the ops in reverse order.
func (l *lowering) backward() error {
	l.cuts()
	l.p.Head.DX = GradOut{Buf: None}
	for i := len(l.g.Ops) - 1; i >= 0; i-- {
		var err error
		if y, ok := graph.Output(l.g.Ops[i]); ok && l.grows.heads[y] {
			l.backChain(y)
		}
		switch op := l.g.Ops[i].(type) {
		case *graph.Concat:
			l.backConcat(op)
		case *graph.Head:
			l.backHead(op)
		case *graph.Join:
			l.backJoin(op)
		case *graph.Norm:
			l.backNorm(op)
		case *graph.ReLU:
			if l.buf[op.Y] != None {
				g := l.stored(op.Y)
				g.Mask = l.buf[op.Y]
				l.contribute(op.X, g)
			}
		case *graph.Pool:
			l.backAlone(op.X, op.Y, func(dx, dy BufID) PlanStep {
				return &PoolBackStep{Op: op, X: l.buf[op.X.Value], Off: op.X.Off, DY: dy, DX: dx}
			})
		case *graph.Dropout:
			l.backAlone(op.X, op.Y, func(dx, dy BufID) PlanStep { return &DropStep{Op: op, X: dy, Y: dx, Back: true} })
		case *graph.Widen:
			l.backAlone(op.X, op.Y, func(dx, dy BufID) PlanStep { return &CopyStep{X: dy, C: op.X.C, Y: dx, End: op.X.C, Back: true} })
		case *graph.Conv:
			err = l.backConv(op)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *lowering) emit(s PlanStep) { l.p.Backward = append(l.p.Backward, s) }

func (l *lowering) slotBuf(s *slot) BufID {
	if s.buf == None {
		v := l.g.Values[s.value]
		s.buf = l.newBuffer("d "+v.Name, v, true)
		l.p.Buffers[s.buf].Grows = l.isWide(s)
		l.p.Buffers[s.buf].branch = l.p.branches[s.value]
	}
	return s.buf
}

// flush stores a span's pending terms (zeros if it has nothing at all).
func (l *lowering) flush(s *slot, sp *span) {
	if sp.written && len(sp.pending) == 0 {
		return
	}
	l.emit(&GradSumStep{Buf: l.slotBuf(s), Off: sp.off, C: sp.c, Accumulate: sp.written, Terms: sp.pending})
	sp.written, sp.pending = true, nil
}

// stored completes the gradient of a whole value in memory and returns it.
func (l *lowering) stored(v graph.ValueID) Grad {
	s := l.slot(v)
	for i := range s.spans {
		l.flush(s, &s.spans[i])
	}
	return storedGrad(s.buf, 0, l.g.Values[v].C)
}

// storedGrad is channels off .. off+c-1 of a stored gradient, read as they are.
func storedGrad(b BufID, off, c int) Grad {
	return Grad{Buf: b, Off: off, C: c, Mask: None, Block: None, Branch: None, Norm: None, Y: None}
}

// sources completes the gradient of value v span by span, leaving a single pending term where it
// is. Where a norm is going to be composed onto the result, a term that already reads y must be
// stored first.
func (l *lowering) sources(v graph.ValueID, compose bool) []Grad {
	s := l.slot(v)
	var out []Grad
	for i := range s.spans {
		sp := &s.spans[i]
		if !sp.written && len(sp.pending) == 1 && !(compose && sp.pending[0].Y != None) {
			out = append(out, sp.pending[0])
			continue
		}
		l.flush(s, sp)
		out = append(out, storedGrad(s.buf, sp.off, sp.c))
	}
	return out
}

// contribute adds g, the gradient of the value read through r, to r's slot, lazily.
func (l *lowering) contribute(r graph.Ref, g Grad) {
	t := l.target(r)
	if t.s.value == l.g.Input {
		return
	}
	if t.relu {
		g.Y, g.YOff, g.ReLU = l.buf[t.s.value], t.off, true
	}
	if l.isWide(t.s) {
		l.add(t, g)
		return
	}
	for _, sp := range t.s.cover(t.off, t.c) {
		sp.pending = append(sp.pending, g.sub(sp.off-t.off, sp.c))
	}
}

// out is where a conv or the head adds its own gradient.
func (l *lowering) out(r graph.Ref, residual bool) GradOut {
	t := l.target(r)
	spans := t.s.cover(t.off, t.c)
	o := GradOut{Buf: l.slotBuf(t.s), Off: t.off, C: t.c, ReLU: t.relu}
	if n := len(spans[0].pending); residual && len(spans) == 1 && n > 0 {
		last := spans[0].pending[n-1]
		spans[0].pending = spans[0].pending[:n-1]
		o.Residual = &last
	}
	o.Accumulate = l.even(t)
	return o
}

func (l *lowering) backHead(op *graph.Head) { l.p.Head.DX = l.out(op.X, false) }

func (l *lowering) backJoin(op *graph.Join) {
	if l.single(op) {
		off := 0
		for _, g := range l.sources(op.Y, false) {
			l.contribute(graph.Ref{Value: op.Branches[0].Value, Off: off, C: g.C}, g)
			off += g.C
		}
		return
	}
	g := l.stored(op.Y)
	if op.ReLU {
		g.Mask = l.buf[op.Y]
	}
	for k, r := range op.Branches {
		b := g
		b.Block, b.Branch = op.Block, k
		l.contribute(r, b)
	}
	if op.Skip != nil {
		l.contribute(*op.Skip, g)
	}
}

// backAlone makes the gradient of an operation's input in a buffer of its own, by the step that
// makes returns for that buffer and the gradient of y.
func (l *lowering) backAlone(x graph.Ref, y graph.ValueID, makes func(dx, dy BufID) PlanStep) {
	if l.target(x).s.value == l.g.Input {
		return
	}
	dy := l.stored(y)
	v := l.g.Values[x.Value]
	v.C = x.C
	dx := l.newBuffer("d "+l.g.Values[y].Name+" x", v, true)
	l.p.Buffers[dx].branch = l.p.branches[y]
	l.emit(makes(dx, dy.Buf))
	l.contribute(x, storedGrad(dx, 0, x.C))
}

func (l *lowering) backNorm(op *graph.Norm) {
	id := l.norm[op]
	var alone []SumsOf
	off := 0
	var composed []Grad
	for _, g := range l.sources(op.Y, true) {
		g.Norm, g.NormOff = id, off
		g.Y, g.YOff, g.ReLU = l.buf[op.X.Value], op.X.Off+off, op.ReLU
		off += g.C
		composed = append(composed, g)
		if !l.attach(SumsOf{g}) {
			alone = append(alone, SumsOf{g})
		}
	}
	if len(alone) > 0 {
		l.emit(&SumsStep{Sums: alone})
	}
	l.emit(&NormBackStep{Norm: id})
	for _, g := range composed {
		l.contribute(graph.Ref{Value: op.X.Value, Off: op.X.Off + g.NormOff, C: g.C}, g)
	}
}

// attach asks the step that last wrote s's gradient buffer to take the sums while the image is in
// cache. It reports whether that step can.
func (l *lowering) attach(s SumsOf) bool {
	overlaps := func(buf BufID, off, c int) bool {
		return buf == s.Of.Buf && off < s.Of.Off+s.Of.C && s.Of.Off < off+c
	}
	covers := func(off, c int) bool { return off <= s.Of.Off && s.Of.Off+s.Of.C <= off+c }
	for i := len(l.p.Backward) - 1; i >= 0; i-- {
		switch w := l.p.Backward[i].(type) {
		case *ConvBackStep:
			if w.DX != nil && overlaps(w.DX.Buf, w.DX.Off, w.DX.C) {
				if covers(w.DX.Off, w.DX.C) {
					w.Sums = append(w.Sums, s)
					return true
				}
				return false
			}
		case *GradSumStep:
			if overlaps(w.Buf, w.Off, w.C) {
				if covers(w.Off, w.C) {
					w.Sums = append(w.Sums, s)
					return true
				}
				return false
			}
		}
	}
	if h := &l.p.Head; overlaps(h.DX.Buf, h.DX.Off, h.DX.C) && covers(h.DX.Off, h.DX.C) {
		h.Sums = append(h.Sums, s)
		return true
	}
	return false
}

func (l *lowering) backConv(op *graph.Conv) error {
	x, err := l.view(op.X)
	if err != nil {
		return err
	}
	s := &ConvBackStep{Op: op, X: x, DY: l.sources(op.Y, false)}
	if t := l.target(op.X); t.s.value != l.g.Input {
		o := l.out(op.X, true)
		s.DX = &o
	}
	if n := l.g.Values[op.Y].C; coverage(s.DY) != n {
		return fmt.Errorf("engine: gradient of %s covers %d of %d channels", l.g.Values[op.Y].Name, coverage(s.DY), n)
	}
	l.emit(s)
	return nil
}

func coverage(gs []Grad) int {
	n := 0
	for _, g := range gs {
		n += g.C
	}
	return n
}
