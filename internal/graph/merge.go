package graph

import "sort"

// Merge returns g with work that several operations share done once:
//
//   - ReLU and Subsample operations that read the same channels become one, and a ReLU of a ReLU
//     goes;
//   - a 1x1 conv of a Subsample reads the original with the subsample's stride and, as padding, its
//     shift;
//   - a Concat of convs becomes one Conv with a part for each;
//   - ReLUs over adjacent channels of one value become one;
//   - convs that read the same value, whether the same channels or adjacent ones, with one stride
//     and one output size become one Conv whose output has their channels one after another.
//
// The last is both branches' first conv, with the two-flow skip as 1x1 parts of it, and, once Norms
// has merged their norms, both branches' later convs. Every former value begins at a multiple of
// align channels in the merged one, except convs that only a Concat brought together; convs that
// would break this stay apart. An align below 1 counts as 1. Merge alone is for tests: engines
// run Passes.
func Merge(g *Graph, align int) *Graph { return merge(g, align, false) }

// merge is Merge; apart leaves out operations that read different channels (Apart).
func merge(g *Graph, align int, apart bool) *Graph {
	e := newEdit(g)
	e.dropDuplicates()
	e.absorbSubsamples()
	e.absorbConcats()
	if !apart {
		e.mergeReLUs()
	}
	e.mergeConvs(max(align, 1), apart)
	return e.finish()
}

// dropDuplicates keeps the first of several ReLUs, or Subsamples, that compute the same, and drops
// the ReLU of a ReLU.
func (e *edit) dropDuplicates() {
	type key struct {
		x             Ref
		stride, shift int // 0 for ReLU
	}
	first := map[key]ValueID{}
	positive := map[ValueID]bool{}
	for i, op := range e.Ops {
		var k key
		var y ValueID
		switch o := op.(type) {
		case *ReLU:
			k, y = key{x: e.resolve(o.X)}, o.Y
			if positive[k.x.Value] {
				e.redirect(y, k.x)
				e.Ops[i] = nil
				continue
			}
			positive[y] = true
		case *Norm:
			positive[o.Y] = o.ReLU
			continue
		case *Join:
			positive[o.Y] = o.ReLU
			continue
		case *Subsample:
			k, y = key{e.resolve(o.X), o.Stride, o.Shift}, o.Y
		default:
			continue
		}
		if kept, ok := first[k]; ok {
			e.redirect(y, Ref{Value: kept})
			e.Ops[i] = nil
		} else {
			first[k] = y
		}
	}
	e.settle()
}

// absorbSubsamples uses that y[p] = w * sub[p*t] = w * x[p*t*Stride - Shift]: a 1x1 kernel's
// padding shifts its input.
func (e *edit) absorbSubsamples() {
	subs := map[ValueID]*Subsample{}
	for _, op := range e.Ops {
		switch o := op.(type) {
		case *Subsample:
			subs[o.Y] = o
		case *Conv:
			if s := subs[o.X.Value]; s != nil && pointwiseUnpadded(o) {
				o.X.Value, o.X.Off = s.X.Value, s.X.Off+o.X.Off
				o.Stride *= s.Stride
				for i := range o.Parts {
					o.Parts[i].PadH, o.Parts[i].PadW = s.Shift, s.Shift
				}
			}
		}
	}
	readers := e.Readers()
	for i, op := range e.Ops {
		if s, ok := op.(*Subsample); ok && len(readers[s.Y]) == 0 {
			e.Ops[i] = nil
		}
	}
	e.settle()
}

func pointwiseUnpadded(o *Conv) bool {
	for _, p := range o.Parts {
		if p.R != 1 || p.S != 1 || p.PadH != 0 || p.PadW != 0 {
			return false
		}
	}
	return true
}

// absorbConcats replaces a Concat of whole conv outputs without other readers by one conv that
// writes the Concat's value.
func (e *edit) absorbConcats() {
	writers := map[ValueID]int{}
	readers := e.Readers()
	for i, op := range e.Ops {
		if cat, ok := op.(*Concat); ok {
			e.absorbConcat(i, cat, writers, readers)
		}
		if y, ok := Output(op); ok {
			writers[y] = i
		}
	}
	e.settle()
}

func (e *edit) absorbConcat(at int, cat *Concat, writers map[ValueID]int, readers [][]int) {
	var m convMerge
	var pieces []int
	for _, r := range cat.Xs {
		w, ok := writers[r.Value]
		if !ok || len(readers[r.Value]) != 1 || r.C != e.Values[r.Value].C {
			return
		}
		c, ok := e.Ops[w].(*Conv)
		if !ok || !m.take(e.Graph, c) {
			return
		}
		pieces = append(pieces, w)
	}
	sort.Ints(pieces)
	for _, w := range pieces {
		e.Ops[w] = nil
	}
	e.Ops[at] = nil
	conv := m.conv()
	conv.Y = cat.Y
	e.Ops[pieces[0]] = conv
	e.Values[cat.Y].Name = e.convName(conv)
}

// mergeReLUs makes one ReLU of those over adjacent channels of one value.
func (e *edit) mergeReLUs() {
	e.mergeAdjacent(func(op Op) (Ref, bool) {
		r, ok := op.(*ReLU)
		if !ok {
			return Ref{}, false
		}
		return r.X, true
	}, func(x Ref, y ValueID, run []Op) (Op, []string) {
		var names []string
		for _, op := range run {
			names = append(names, e.Values[op.(*ReLU).Y].Name)
		}
		return &ReLU{X: x, Y: y}, names
	})
}

// mergeAdjacent makes one operation of each run over adjacent channels of one value. input returns
// the operand of an operation, and whether the operation is to be merged; combine makes the
// operation that reads x and writes y of a run in channel order, and says what y's name is made of.
func (e *edit) mergeAdjacent(input func(Op) (Ref, bool), combine func(x Ref, y ValueID, run []Op) (Op, []string)) {
	var xs []Ref
	var at []int
	for i, op := range e.Ops {
		if x, ok := input(op); ok {
			xs, at = append(xs, x), append(at, i)
		}
	}
	for _, run := range adjacent(xs) {
		x, y, place := xs[run[0]], *outputOf(e.Ops[at[run[0]]]), at[run[0]]
		x.C = 0
		var ops []Op
		for _, j := range run {
			op := e.Ops[at[j]]
			if out := *outputOf(op); out != y {
				e.redirect(out, Ref{Value: y, Off: x.C})
			}
			x.C += xs[j].C
			place = min(place, at[j])
			ops, e.Ops[at[j]] = append(ops, op), nil
		}
		merged, names := combine(x, y, ops)
		e.Ops[place] = merged
		e.Values[y].C, e.Values[y].Name = x.C, joinNames(names)
	}
	e.settle()
}

// adjacent finds runs of two or more references to consecutive channels of one value; a run lists
// indexes of xs in channel order. A reference to aligned channels of the value is aligned in its
// run.
func adjacent(xs []Ref) [][]int {
	order := make([]int, len(xs))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		a, b := xs[order[i]], xs[order[j]]
		return a.Value < b.Value || a.Value == b.Value && a.Off < b.Off
	})
	var runs [][]int
	for i := 0; i < len(order); {
		start := xs[order[i]]
		end, j := start.Off+start.C, i+1
		for ; j < len(order); j++ {
			next := xs[order[j]]
			if next.Value != start.Value || next.Off != end {
				break
			}
			end += next.C
		}
		if j > i+1 {
			runs = append(runs, order[i:j])
		}
		i = j
	}
	return runs
}
