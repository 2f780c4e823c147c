package graph

// Norms returns g with batch normalisations fused: a Norm whose output only ReLUs read applies the
// ReLU itself, and Norms over adjacent channels of one value become one with a part for each BN,
// where they agree on the ReLU. Statistics are per channel, so parts stay as they were.
// Norms alone is for tests: engines run Passes.
func Norms(g *Graph) *Graph { return norms(g, false) }

// norms is Norms; apart leaves out operations that read different channels (Apart).
func norms(g *Graph, apart bool) *Graph {
	e := newEdit(g)
	e.fuseReLUs(func(op Op) (*bool, ValueID) {
		if n, ok := op.(*Norm); ok {
			return &n.ReLU, n.Y
		}
		return nil, 0
	})
	if !apart {
		e.mergeNorms()
	}
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

// fuseReLUs sets the flag of every op for which pick returns one, if all readers of its output are
// ReLUs, and drops those.
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

// mergeNorms makes one Norm of those over adjacent channels of one value that agree on the ReLU.
func (e *edit) mergeNorms() {
	for _, relu := range []bool{false, true} {
		e.mergeAdjacent(func(op Op) (Ref, bool) {
			n, ok := op.(*Norm)
			if !ok || n.ReLU != relu {
				return Ref{}, false
			}
			return n.X, true
		}, func(x Ref, y ValueID, run []Op) (Op, []string) {
			merged, off := &Norm{X: x, Y: y, ReLU: relu}, 0
			var names []string
			for _, op := range run {
				n := op.(*Norm)
				for _, p := range n.Parts {
					p.Off += off
					merged.Parts = append(merged.Parts, p)
					names = append(names, p.Name)
				}
				off += n.X.C
			}
			return merged, names
		})
	}
}
