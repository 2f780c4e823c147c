package cudnn

import (
	"errors"
	"slices"
)

// ConvBackwardFilter prepares dw = Scale*(gradient of conv(x, w) in w at dy) + Accumulate*dw: sums
// over images and positions. x is N×C×H×W, dy N×K×P×Q, dw K×(C/groups)×R×S. x and dy are of one
// type; dw is of that type, or F32 beside 16-bit x and dy. An F32 dw holds the sums unrounded where
// an engine can store them, as one can for most shapes. For the rest (in groups on sm_80, say) the
// sums are rounded to x's type and converted. An F32 dw is certain to support only Accumulate 0 and
// 1, and Scale 1. A way that Autotune found faster goes first. Pointers: x, dy, dw.
//
// Errors: as ConvForward's. (CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR.)
func (h *Handle) ConvBackwardFilter(x, dy, dw TensorDesc, c ConvDesc, o ...Option) (*Plan, error) {
	p, err := h.ConvBackwardFilterMeasured(x, dy, dw, c, o...)
	if p != nil || err != nil && !errors.Is(err, ErrNotSupported) {
		return p, err
	}
	graphs := convBackwardFilterGraphs(x, dy, dw, c, o)
	for _, g := range graphs {
		if p, err = h.Plan(g, o...); err == nil {
			return p, nil
		}
	}
	if !errors.Is(err, ErrNotSupported) || len(graphs) == 1 {
		return nil, err
	}
	return h.convertedFilter(x, dy, dw, c, o, err)
}

// ConvBackwardFilterPlans lists the candidates of ConvBackwardFilter: the library's proposals and,
// for an F32 dw beside 16-bit x, the rounded and converted one at the end.
func (h *Handle) ConvBackwardFilterPlans(x, dy, dw TensorDesc, c ConvDesc, o ...Option) ([]*Plan, error) {
	var all []*Plan
	var err error
	graphs := convBackwardFilterGraphs(x, dy, dw, c, o)
	for _, g := range graphs {
		var plans []*Plan
		if plans, err = h.Plans(g, o...); err == nil {
			all = append(all, plans...)
		}
	}
	if len(graphs) > 1 && (len(all) > 0 || errors.Is(err, ErrNotSupported)) {
		p, failed := h.convertedFilter(x, dy, dw, c, o, err)
		if failed == nil {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil, err
	}
	return all, nil
}

// ConvBackwardFilterMeasured prepares the way to compute ConvBackwardFilter that Autotune found
// fastest, in this process or in an earlier one with the same cache. It returns nil where no way
// was timed.
func (h *Handle) ConvBackwardFilterMeasured(x, dy, dw TensorDesc, c ConvDesc, o ...Option) (*Plan, error) {
	if err := h.usable("ConvBackwardFilter"); err != nil || h.cache == nil {
		return nil, err
	}
	graphs := convBackwardFilterGraphs(x, dy, dw, c, o)
	if err := graphs[0].Check(); err != nil {
		return nil, err
	}
	var best *Graph
	least := int64(0)
	ways := graphs
	if len(graphs) > 1 {
		ways = append(slices.Clip(graphs), narrowFilterGraph(x, dy, dw, c))
	}
	for _, g := range ways {
		if g.Check() != nil {
			continue
		}
		if e := h.cache.load(h.keyOf(g, resolve(o))); e != nil && e.Time > 0 && (best == nil || int64(e.Time) < least) {
			best, least = g, int64(e.Time)
		}
	}
	switch {
	case best == nil:
		return nil, nil
	case len(graphs) > 1 && best == ways[len(graphs)]:
		return h.convertedFilter(x, dy, dw, c, o, nil)
	}
	return h.Plan(best, o...)
}

// ConvBackwardFilterConverted prepares ConvBackwardFilter for a dw of F32 as two steps: the
// gradient in x's type, rounded once, then converted. Errors: ErrInvalid where dw is not of F32
// beside 16-bit x; else as ConvForward's.
func (h *Handle) ConvBackwardFilterConverted(x, dy, dw TensorDesc, c ConvDesc, o ...Option) (*Plan, error) {
	if len(convBackwardFilterGraphs(x, dy, dw, c, o)) == 1 {
		return nil, invalid("ConvBackwardFilterConverted", "x is %v, dw %v: want 16 bits and f32, and blending factors of 0 or 1", x.Type, dw.Type)
	}
	return h.convertedFilter(x, dy, dw, c, o, nil)
}

// ConvBackwardFilterF32Graph is the graph of a weight gradient that stores its F32 sums unrounded,
// beside 16-bit x and dy. Of the options only Accumulate(0) and Accumulate(1) have an effect.
func ConvBackwardFilterF32Graph(x, dy, dw TensorDesc, c ConvDesc, o ...Option) *Graph {
	g := NewGraph(BackwardFilter.String() + " into f32")
	xr, dyr := g.Input("x", x), g.Input("dy", dy)
	if resolve(o).accumulate == 1 {
		held := g.Input("dw", dw)
		g.StoreOver(held, g.Add(g.ConvBackwardFilter(xr, dyr, dw.Dims, c), held))
	} else {
		g.Store("dw", g.Identity(g.ConvBackwardFilter(xr, dyr, dw.Dims, c)), dw)
	}
	return g
}

// convBackwardFilterGraphs are the graphs that compute dw, the preferred first. An F32 dw beside
// 16-bit x has more than one.
func convBackwardFilterGraphs(x, dy, dw TensorDesc, c ConvDesc, o []Option) []*Graph {
	plain := ConvBackwardFilterGraph(x, dy, dw, c, o...)
	opt := resolve(o)
	if dw.Type != F32 || x.Type == F32 || opt.scale != 1 || opt.accumulate != 0 && opt.accumulate != 1 {
		return []*Graph{plain}
	}
	return []*Graph{ConvBackwardFilterF32Graph(x, dy, dw, c, o...), plain}
}

// narrowFilterGraph computes dw in x's type.
func narrowFilterGraph(x, dy, dw TensorDesc, c ConvDesc) *Graph {
	dw.Type = x.Type
	return ConvBackwardFilterGraph(x, dy, dw, c)
}

// convertedFilter computes dw in x's type and converts it. why, if not nil, is the refusal of the
// direct way; it is then the error too.
func (h *Handle) convertedFilter(x, dy, dw TensorDesc, c ConvDesc, o []Option, why error) (*Plan, error) {
	refused := func(err error) (*Plan, error) {
		if why != nil {
			return nil, why
		}
		return nil, err
	}
	opt := resolve(o)
	narrow := dw
	narrow.Type = x.Type
	first, err := h.Plan(narrowFilterGraph(x, dy, dw, c), append(o[:len(o):len(o)], Scale(1), Accumulate(0))...)
	if err != nil {
		return refused(err)
	}
	g := NewGraph("Convert")
	in := g.Input("dw", narrow)
	if opt.accumulate == 1 {
		held := g.Input("held", dw)
		g.StoreOver(held, g.Add(in, held))
	} else {
		g.Store("converted", g.Identity(in), dw)
	}
	second, err := h.Plan(g)
	if err != nil {
		first.Close()
		return refused(err)
	}
	p := then(first, second, narrow.Bytes())
	p.name, p.on, p.bindings = BackwardFilter.String()+" and convert", ConvBackwardFilterGraph(x, dy, dw, c).on(), []string{"x", "dy", "dw"}
	if p.workspace > opt.workspace {
		p.Close()
		return refused(&Error{Op: p.name, On: p.on, kind: ErrNotSupported, Detail: "it wants more workspace than the options allow"})
	}
	return p, nil
}
