package gpu

import (
	"errors"
	"fmt"

	kernels "shake/csrc/cuda"
	"shake/internal/engine"
)

// OwnConv is the kind of rival that computes a convolution by a kernel of ours on tensor cores
// (csrc/cuda/conv.cu), together with the view in front of it and the statistics behind it, where
// these stand beside it in the list. Without a view of its own and without statistics a convolution
// has no such rival.
const OwnConv = "own convolution"

// ownConv is the rival of the convolution at i and of its neighbours; nil where the kernel does not
// take it.
func (l *List) ownConv(i int, o *Conv) (*rival, error) {
	c, x, y := o.Call, l.Plan.Buffers[o.X.Buf], l.Plan.Buffers[o.Y.Buf]
	out := func(size, pad int) int { return (size+2*pad-c.R)/c.Stride + 1 }
	if l.Type == kernels.F32 || c.R != c.S || out(x.H, c.PadH) != y.H || out(x.W, c.PadW) != y.W || c.Filter.Offset%lanes != 0 {
		return nil, nil
	}
	slice := func(p Part) kernels.Slice {
		return kernels.Slice{Buf: int(p.Buf), Off: p.Off, C: p.C, Pitch: round(l.Plan.Buffers[p.Buf].C)}
	}
	spec := kernels.ConvSpec{Type: l.Type, H: x.H, W: x.W, Replicas: l.Replicas, Batch: l.Batch, X: kernels.View{Slice: slice(o.X)}, Y: slice(o.Y),
		R: c.R, Stride: c.Stride, PadH: c.PadH, PadW: c.PadW, Groups: c.Groups}
	w := Arg{Kind: Storage}
	if c.Filter.Packed {
		w.Kind = Packed
	}
	named := map[string]Arg{"x": buffer(o.X.Buf), "w": w, "off": {Number, c.Filter.Offset}, "y": buffer(o.Y.Buf)}
	r := &rival{kind: OwnConv, at: i, count: 1}
	if a := l.viewOf(i, o); a != nil {
		r.at, r.count = i-1, 2
		stored := spec.X.Slice
		spec.View, spec.X = &stored, operands{l, false}.view(a.X)
		named["x"], named["norm"], named["view"] = buffer(a.X.Buf), normArg(Norm, a.X.Norm), buffer(a.Y)
	}
	if s := l.statsOf(i, o); s != nil {
		r.count++
		for k, st := range s.Stats {
			spec.Norms = append(spec.Norms, kernels.StatsOf{Off: st.Off, C: l.normWidth(st.Norm), Norm: *l.norm(st.Norm, 0)})
			for name, kind := range map[string]ArgKind{"gamma_at": GammaAt, "beta_at": BetaAt, "norm": Norm, "running": Running} {
				named[fmt.Sprintf("%s%d", name, k)] = Arg{kind, int(st.Norm)}
			}
		}
	}
	if r.count == 1 {
		return nil, nil
	}
	k, err := launch(spec, named)
	var refused *kernels.SpecError
	if errors.As(err, &refused) {
		return nil, nil
	}
	r.after = []*Launch{k}
	return r, err
}

// OwnConv returns the kernel of ours for the convolution at i and its neighbours, and the kernels
// of the neighbours alone, in order; nil where there is none.
func (l *List) OwnConv(i int) (own *kernels.Kernel, apart []*kernels.Kernel, err error) {
	c, ok := l.Ops[i].(*Conv)
	if !ok {
		return nil, nil, nil
	}
	r, err := l.ownConv(i, c)
	if r == nil || err != nil {
		return nil, nil, err
	}
	for at := r.at; at < r.at+r.count; at++ {
		k, err := l.launch(l.Ops[at], training, engine.Config{})
		if err != nil {
			return nil, nil, err
		}
		if k != nil {
			apart = append(apart, k.Kernel)
		}
	}
	return r.after[0].Kernel, apart, nil
}

// viewOf is the op in front of the convolution at i if it stores all that the convolution reads.
func (l *List) viewOf(i int, o *Conv) *Apply {
	if i == 0 {
		return nil
	}
	a, ok := l.Ops[i-1].(*Apply)
	if !ok || a.Back || a.Y != o.X.Buf || o.X.Off != 0 || o.X.C != l.Plan.Buffers[a.Y].C || a.X.C != o.X.C {
		return nil
	}
	return a
}

// statsOf is the op behind the convolution at i if it takes the statistics of all that the
// convolution writes, each channel for one norm, in order.
func (l *List) statsOf(i int, o *Conv) *Stats {
	if i+1 == len(l.Ops) {
		return nil
	}
	s, ok := l.Ops[i+1].(*Stats)
	b := l.Plan.Buffers[o.Y.Buf]
	if !ok || s.X != o.Y.Buf || b.Grows || o.Y.Off != 0 || o.Y.C != round(b.C) {
		return nil
	}
	at := 0
	for _, st := range s.Stats {
		if st.Off != at || l.Plan.Norms[st.Norm].X.C != l.normWidth(st.Norm) {
			return nil
		}
		at += l.normWidth(st.Norm)
	}
	if at != o.Y.C || at == 0 {
		return nil
	}
	return s
}
