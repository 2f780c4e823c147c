package graph

// Norms returns g with batch normalisations fused: a Norm whose output only ReLUs read applies the ReLU itself, and Norms over adjacent channels
// of one value become one with a part for each BN, where they agree on the ReLU. Statistics are per channel, so parts stay what they were.
func Norms(g *Graph) *Graph {
	e := newEdit(g)
	e.fuseReLUs(func(op Op) (*bool, ValueID) {
		if n, ok := op.(*Norm); ok {
			return &n.ReLU, n.Y
		}
		return nil, 0
	})
	e.mergeNorms()
	return e.finish()
}

// Joins returns g with every Join whose output only ReLUs read applying the ReLU itself.
func Joins(g *Graph) *Graph {
	e := newEdit(g)
	e.fuseReLUs(func(op Op) (*bool, ValueID) {
		if j, ok := op.(*Join); ok {
			return &j.ReLU, j.Y
		}
		return nil, 0
	})
	return e.finish()
}

// fuseReLUs sets the flag of every op for which pick returns one, if all readers of its output are ReLUs, and drops those.
func (e *edit) fuseReLUs(pick func(Op) (flag *bool, y ValueID)) {
	readers := e.Readers()
	for _, op := range e.Ops {
		flag, y := pick(op)
		if flag == nil || !e.onlyReLUs(readers[y]) {
			continue
		}
		*flag = true
		for _, i := range readers[y] {
			r := e.Ops[i].(*ReLU)
			e.redirect(r.Y, Ref{Value: y, Off: r.X.Off})
			e.Ops[i] = nil
		}
	}
	e.settle()
}

func (e *edit) onlyReLUs(ops []int) bool {
	for _, i := range ops {
		if _, ok := e.Ops[i].(*ReLU); !ok {
			return false
		}
	}
	return len(ops) > 0
}

func (e *edit) mergeNorms() {
	for _, relu := range []bool{false, true} {
		var xs []Ref
		var at []int
		for i, op := range e.Ops {
			if n, ok := op.(*Norm); ok && n.ReLU == relu {
				xs, at = append(xs, n.X), append(at, i)
			}
		}
		for _, run := range adjacent(xs) {
			e.mergeRun(run, at, relu)
		}
		e.settle()
	}
}

// mergeRun makes one Norm of those at at[run[0]], at[run[1]], ..., which normalise consecutive channels.
func (e *edit) mergeRun(run, at []int, relu bool) {
	first := e.Ops[at[run[0]]].(*Norm)
	merged := &Norm{X: first.X, Y: first.Y, ReLU: relu}
	merged.X.C = 0
	var names []string
	place := at[run[0]]
	for _, j := range run {
		n := e.Ops[at[j]].(*Norm)
		if n != first {
			e.redirect(n.Y, Ref{Value: merged.Y, Off: merged.X.C})
		}
		for _, p := range n.Parts {
			p.Off += merged.X.C
			merged.Parts = append(merged.Parts, p)
			names = append(names, p.Name)
		}
		merged.X.C += n.X.C
		place = min(place, at[j])
		e.Ops[at[j]] = nil
	}
	e.Ops[place] = merged
	e.Values[merged.Y].C, e.Values[merged.Y].Name = merged.X.C, joinNames(names)
}
