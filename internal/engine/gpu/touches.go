package gpu

import (
	kernels "shake/csrc/cuda"
	"shake/internal/engine"
	"shake/internal/graph"
)

// touch is a place in device memory that an op reads or writes: elements lo to hi-1 of an array.
// The elements of a buffer are its channels; those of the parameters' arrays are numbers; every
// other array is one element.
type touch struct {
	arg    Arg
	lo, hi int
	write  bool
}

// meets says whether two ops that touch s and t have to keep their order.
func (s touch) meets(t touch) bool {
	return s.arg == t.arg && (s.write || t.write) && s.lo < t.hi && t.lo < s.hi
}

// touches collects the places that an op touches.
type touches struct {
	l   *List
	all []touch
}

func (t *touches) add(write bool, a Arg, lo, hi int) {
	if a.Kind == Storage && t.l.Type == kernels.F32 {
		a.Kind = Weights // convolutions read the weights themselves
	}
	t.all = append(t.all, touch{a, lo, hi, write})
}

func (t *touches) parts(write bool, ps []Part) {
	for _, p := range ps {
		t.add(write, buffer(p.Buf), p.Off/lanes*lanes, round(p.Off+p.C))
	}
}

// array touches all of an array of which a program has one.
func (t *touches) array(write bool, kinds ...ArgKind) {
	for _, k := range kinds {
		t.add(write, Arg{Kind: k}, 0, 1)
	}
}

func (t *touches) norm(write bool, kind ArgKind, id engine.NormID) {
	if id != engine.None {
		t.add(write, Arg{kind, int(id)}, 0, 1)
	}
}

func (t *touches) filter(write bool, c Call, plain, packed ArgKind) {
	if c.Filter.Packed {
		plain = packed
	}
	t.add(write, Arg{Kind: plain}, c.Filter.Offset, c.Filter.Offset+c.Size())
}

// params touches parameters in an array that Params lays out.
func (t *touches) params(write bool, kind ArgKind, ids ...graph.ParamID) {
	for _, id := range ids {
		lo := t.l.Params.Offset[id]
		t.add(write, Arg{Kind: kind}, lo, lo+int(t.l.Plan.Graph.Params[id].Elements()))
	}
}

// affine touches the scales and shifts of a norm.
func (t *touches) affine(write bool, kind ArgKind, id engine.NormID) {
	for _, part := range t.l.Plan.Norms[id].Parts {
		t.params(write, kind, part.Gamma, part.Beta)
	}
}

// terms are the coefficients of the norms that gradients are recomputed through.
func (t *touches) terms(gs []engine.Grad) {
	for _, g := range gs {
		t.norm(false, Norm, g.Norm)
	}
}

// scaler reads the loss scale, which fp16 alone has.
func (t *touches) scaler() {
	if t.l.Type == kernels.F16 {
		t.array(false, LossScale)
	}
}

// touches are all places that an op touches, but for the ones that never change within a step (the
// record, images, indexes) and the scratch of its stream.
func (l *List) touches(o Op) []touch {
	t := &touches{l: l}
	moved := l.traffic(o)
	t.parts(false, moved.reads)
	t.parts(true, moved.writes)
	p := &l.Params
	switch o := o.(type) {
	case *Pack:
		t.add(false, Arg{Kind: Weights}, 0, p.Loose)
		t.add(true, Arg{Kind: Packed}, 0, p.Packed)
	case *Conv:
		t.filter(false, o.Call, Storage, Packed)
	case *ConvData:
		t.filter(false, o.Call, Storage, Packed)
	case *ConvFilter:
		t.filter(true, o.Call, Gradients, PackedGrads)
	case *Stats:
		for _, s := range o.Stats {
			t.norm(true, Norm, s.Norm)
			t.norm(true, Running, s.Norm)
			t.affine(false, Weights, s.Norm)
		}
	case *Apply:
		t.norm(false, Norm, o.X.Norm)
	case *Join:
		for _, b := range o.Branches {
			t.norm(false, Norm, b.Norm)
		}
		if o.Skip != nil {
			t.norm(false, Norm, o.Skip.Norm)
		}
	case *Correlate:
		t.parts(false, []Part{viewPart(o.A), viewPart(o.B)})
		t.norm(false, Norm, o.A.Norm)
		t.norm(false, Norm, o.B.Norm)
		t.add(true, Arg{Moments, o.Index}, 0, 1)
	case *Head:
		t.norm(false, Norm, o.X.Norm)
		t.params(false, Weights, o.Op.W, o.Op.Bias)
		t.array(true, Mean, DLogits, Loss, Wrong)
		t.scaler()
	case *Zero:
		t.array(true, Loss, Wrong)
		t.add(true, Arg{Kind: Gradients}, 0, p.Floats)
		t.add(true, Arg{Kind: PackedGrads}, 0, p.Packed)
	case *AllReduce:
		if o.Losses {
			t.array(true, Loss, Wrong)
		}
		for _, s := range o.Spans {
			t.add(true, Arg{Kind: s.Kind}, s.From, s.From+s.N)
		}
	case *HeadGrad:
		t.array(false, Mean, DLogits)
		t.params(true, Gradients, o.Op.W, o.Op.Bias)
	case *Tally:
		t.array(false, Loss, Wrong)
		t.array(true, TrainTotals)
	case *GradConcat:
		t.terms(o.Terms)
	case *GradSum:
		t.terms(o.Terms)
		for _, s := range o.Sums {
			t.norm(true, Norm, s.Of.Norm)
			t.affine(false, Weights, s.Of.Norm)
			t.affine(true, Gradients, s.Of.Norm)
		}
	case *Unpack:
		t.add(false, Arg{Kind: PackedGrads}, 0, p.Packed)
		t.add(true, Arg{Kind: Gradients}, 0, p.Loose)
	case *Finite:
		t.add(false, Arg{Kind: Gradients}, 0, p.Floats)
		t.array(true, LossScale)
	case *Clip:
		t.add(false, Arg{Kind: Gradients}, 0, p.Floats)
		t.array(true, ClipFactor)
		t.scaler()
	case *SGD:
		if l.Recipe.Clip {
			t.array(false, ClipFactor)
		}
		t.add(false, Arg{Kind: Gradients}, o.Lo, o.Hi)
		kinds := []ArgKind{Weights, Velocity, Storage}
		if l.Recipe.Average {
			kinds = append(kinds, Average)
		}
		for _, k := range kinds {
			t.add(true, Arg{Kind: k}, o.Lo, o.Hi)
		}
		t.scaler()
	case *Rescale:
		t.array(true, LossScale)
	}
	return t.all
}
