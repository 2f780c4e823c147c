package engine

import (
	"slices"

	"shake/internal/graph"
)

// growth is the values of a graph that concatenations make longer. Where a Concat begins with all
// of a value, both have one buffer, as wide as the last value of the chain: each value is its first
// so many channels, and a Concat copies nothing but its other inputs. The channels lie without
// gaps, so that a layer multiplies no zeros between them.
//
// The chain has one gradient too, to which every reader adds when the backward pass comes to it, in
// the reverse order of the forward pass. The gradient of a Concat's other inputs is complete when
// the backward pass comes to the Concat.
type growth struct {
	next  map[graph.ValueID]graph.ValueID // the value that continues another
	heads map[graph.ValueID]bool          // first values of chains that no Concat writes
	wide  map[graph.ValueID]BufID         // by the last value of a chain
	taken map[BufID]int                   // channels whose statistics norms have
}

func newGrowth(g *graph.Graph) growth {
	gr := growth{map[graph.ValueID]graph.ValueID{}, map[graph.ValueID]bool{}, map[graph.ValueID]BufID{}, map[BufID]int{}}
	written := map[graph.ValueID]bool{} // by a Concat
	for _, op := range g.Ops {
		c, ok := op.(*graph.Concat)
		if !ok {
			continue
		}
		x := c.Xs[0]
		_, continued := gr.next[x.Value]
		if x.Value != g.Input && x.C == g.Values[x.Value].C && !continued {
			gr.next[x.Value] = c.Y
			gr.heads[x.Value] = !written[x.Value]
		}
		written[c.Y] = true
	}
	return gr
}

// last is the last value of the chain of v, v itself if it has none.
func (gr growth) last(v graph.ValueID) graph.ValueID {
	for next, ok := gr.next[v]; ok; next, ok = gr.next[v] {
		v = next
	}
	return v
}

// added calls f for each input of a Concat that is not in its place already, and for its first
// channel in the output.
func (gr growth) added(c *graph.Concat, f func(x graph.Ref, off int)) {
	off := 0
	for i, x := range c.Xs {
		if next, ok := gr.next[x.Value]; i > 0 || !ok || next != c.Y {
			f(x, off)
		}
		off += x.C
	}
}

// place copies r to channel off of the buffer of v's chain.
func (l *lowering) place(r graph.Ref, v graph.ValueID, off int) {
	last := l.grows.last(v)
	wide, ok := l.grows.wide[last]
	if !ok {
		wide = l.newBuffer(l.g.Values[last].Name, l.g.Values[last], false)
		l.p.Buffers[wide].Grows = true
		l.grows.wide[last] = wide
	}
	s := &CopyStep{X: l.buf[r.Value], XOff: r.Off, C: r.C, Y: wide, YOff: off, End: off + r.C}
	l.p.Forward = append(l.p.Forward, s)
	l.buf[v], l.writer[v] = wide, s
}

// forwardConcat copies the inputs of a Concat that are not in their places.
func (l *lowering) forwardConcat(op *graph.Concat) {
	l.def[op.Y] = op
	l.grows.added(op, func(x graph.Ref, off int) { l.place(x, op.Y, off) })
}

// statistics asks for those of a norm of a growing buffer: of the channels that no norm before it
// reads. The others' are there.
func (l *lowering) statistics(id NormID, op *graph.Norm) {
	b := l.buf[op.X.Value]
	l.p.Shared[id] = b
	from := l.grows.taken[b]
	if from >= op.X.C {
		return
	}
	l.grows.taken[b] = op.X.C
	l.p.Forward = append(l.p.Forward, &StatsStep{X: b, Stats: []StatsOf{{Norm: id, From: from}}})
}

// isWide says whether a slot is that of a chain.
func (l *lowering) isWide(s *slot) bool {
	_, ok := l.grows.wide[s.value]
	return ok
}

// add stores g, complete, where the gradient of a chain is collected.
func (l *lowering) add(t target, g Grad) {
	l.emit(&GradSumStep{Buf: l.slotBuf(t.s), Off: t.off, C: t.c, Accumulate: l.even(t), Terms: []Grad{g}})
}

// backConcat passes on the gradients of those inputs.
func (l *lowering) backConcat(op *graph.Concat) {
	l.grows.added(op, func(x graph.Ref, off int) { l.contribute(x, l.piece(x, op.Y, off)) })
}

// backChain passes the gradient of the first value of a chain on to the operation that made it.
func (l *lowering) backChain(v graph.ValueID) {
	s := l.slot(v)
	g := l.piece(graph.Ref{Value: v, C: l.g.Values[v].C}, v, 0)
	for i := range s.spans {
		sp := &s.spans[i]
		sp.pending = append(sp.pending, g.sub(sp.off, sp.c))
	}
}

// piece is the gradient of x.C channels of the chain of v from off on: in place if devices can
// address it, else a copy.
func (l *lowering) piece(x graph.Ref, v graph.ValueID, off int) Grad {
	s := l.slot(l.grows.last(v))
	for _, sp := range s.cover(off, x.C) {
		l.flush(s, sp)
	}
	if l.p.Align == 1 || off%l.p.Align == 0 && x.C%l.p.Align == 0 && off > 0 {
		return storedGrad(s.buf, off, x.C)
	}
	like := l.g.Values[x.Value]
	like.C = x.C
	dx := l.newBuffer("d "+l.g.Values[x.Value].Name+" piece", like, true)
	l.emit(&CopyStep{X: s.buf, XOff: off, C: x.C, Y: dx, End: x.C, Back: true})
	return storedGrad(dx, 0, x.C)
}

// even stores zeros where a part of a target has a gradient and another has none, so that one flag
// says whether a step accumulates. It returns the flag, and marks the target as written.
func (l *lowering) even(t target) bool {
	spans := t.s.cover(t.off, t.c)
	written := slices.ContainsFunc(spans, func(sp *span) bool { return sp.written || len(sp.pending) > 0 })
	for _, sp := range spans {
		if written {
			l.flush(t.s, sp)
		}
		sp.written = true
	}
	return written
}
