package graph

// Inputs returns the values that op reads, in order: Join's branches before its skip.
func Inputs(op Op) []Ref {
	var refs []Ref
	eachInput(op, func(r *Ref) { refs = append(refs, *r) })
	return refs
}

// Output returns the value that op writes; ok is false for Head, whose logits are no value, and for
// Correlate.
func Output(op Op) (v ValueID, ok bool) {
	if y := outputOf(op); y != nil {
		return *y, true
	}
	return 0, false
}

// outputOf returns the address of the value that op writes, nil for Head and Correlate.
func outputOf(op Op) *ValueID {
	switch o := op.(type) {
	case *Conv:
		return &o.Y
	case *Norm:
		return &o.Y
	case *ReLU:
		return &o.Y
	case *Pool:
		return &o.Y
	case *Dropout:
		return &o.Y
	case *Widen:
		return &o.Y
	case *Subsample:
		return &o.Y
	case *Concat:
		return &o.Y
	case *Join:
		return &o.Y
	}
	return nil
}

// Readers returns for every value the indexes of the ops that read it, ascending, one entry for
// each reference.
func (g *Graph) Readers() [][]int {
	readers := make([][]int, len(g.Values))
	for i, op := range g.Ops {
		eachInput(op, func(r *Ref) { readers[r.Value] = append(readers[r.Value], i) })
	}
	return readers
}

// Clone returns a deep copy.
func (g *Graph) Clone() *Graph {
	c := *g
	c.Values = append([]Value(nil), g.Values...)
	c.Blocks = append([]Block(nil), g.Blocks...)
	c.Params = append([]Param(nil), g.Params...)
	for i := range c.Params {
		c.Params[i].Shape = append([]int(nil), g.Params[i].Shape...)
	}
	c.Ops = make([]Op, len(g.Ops))
	for i, op := range g.Ops {
		c.Ops[i] = cloneOp(op)
	}
	return &c
}

func cloneOp(op Op) Op {
	switch o := op.(type) {
	case *Conv:
		c := *o
		c.Parts = append([]ConvPart(nil), o.Parts...)
		return &c
	case *Norm:
		c := *o
		c.Parts = append([]NormPart(nil), o.Parts...)
		return &c
	case *ReLU:
		c := *o
		return &c
	case *Pool:
		c := *o
		return &c
	case *Dropout:
		c := *o
		return &c
	case *Widen:
		c := *o
		return &c
	case *Subsample:
		c := *o
		return &c
	case *Concat:
		c := *o
		c.Xs = append([]Ref(nil), o.Xs...)
		return &c
	case *Join:
		c := *o
		c.Branches = append([]Ref(nil), o.Branches...)
		if o.Skip != nil {
			s := *o.Skip
			c.Skip = &s
		}
		return &c
	case *Correlate:
		c := *o
		return &c
	case *Head:
		c := *o
		return &c
	}
	return op
}

// eachInput calls f with the address of every reference that op reads.
func eachInput(op Op, f func(*Ref)) {
	switch o := op.(type) {
	case *Conv:
		f(&o.X)
	case *Norm:
		f(&o.X)
	case *ReLU:
		f(&o.X)
	case *Pool:
		f(&o.X)
	case *Dropout:
		f(&o.X)
	case *Widen:
		f(&o.X)
	case *Subsample:
		f(&o.X)
	case *Concat:
		for i := range o.Xs {
			f(&o.Xs[i])
		}
	case *Join:
		for i := range o.Branches {
			f(&o.Branches[i])
		}
		if o.Skip != nil {
			f(o.Skip)
		}
	case *Correlate:
		f(&o.A)
		f(&o.B)
	case *Head:
		f(&o.X)
	}
}

// edit is a rewriting of a graph under way: passes delete ops by setting them to nil and redirect
// the readers of a value elsewhere; finish makes it a graph again.
type edit struct {
	*Graph
	moved map[ValueID]Ref // a value's channels now start at Off of another
}

func newEdit(g *Graph) *edit { return &edit{Graph: g.Clone(), moved: map[ValueID]Ref{}} }

// redirect makes readers of old read the same channels of to.Value from to.Off on.
func (e *edit) redirect(old ValueID, to Ref) { e.moved[old] = to }

// resolve follows the redirections of r.
func (e *edit) resolve(r Ref) Ref {
	for to, ok := e.moved[r.Value]; ok; to, ok = e.moved[r.Value] {
		r.Value, r.Off = to.Value, r.Off+to.Off
	}
	return r
}

// settle applies the redirections and drops deleted ops, so that the next step of a pass sees a
// plain graph.
func (e *edit) settle() {
	ops := e.Ops[:0]
	for _, op := range e.Ops {
		if op == nil {
			continue
		}
		eachInput(op, func(r *Ref) { *r = e.resolve(*r) })
		ops = append(ops, op)
	}
	e.Ops = ops
	e.moved = map[ValueID]Ref{}
}

// finish settles and renumbers: values that no op writes any more disappear.
func (e *edit) finish() *Graph {
	e.settle()
	live := make([]bool, len(e.Values))
	live[e.Input] = true
	for _, op := range e.Ops {
		if v, ok := Output(op); ok {
			live[v] = true
		}
	}
	renumber := make([]ValueID, len(e.Values))
	var values []Value
	for v, keep := range live {
		if keep {
			renumber[v] = ValueID(len(values))
			values = append(values, e.Values[v])
		}
	}
	e.Values = values
	e.Input = renumber[e.Input]
	for _, op := range e.Ops {
		eachInput(op, func(r *Ref) { r.Value = renumber[r.Value] })
		if y := outputOf(op); y != nil {
			*y = renumber[*y]
		}
	}
	return e.Graph
}
