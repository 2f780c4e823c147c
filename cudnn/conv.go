package cudnn

import (
	"cmp"
	"errors"
	"slices"
)

// ConvForward prepares y = Scale*conv(x, w) + Accumulate*y. x is N×C×H×W, w K×(C/groups)×R×S, y N×K×P×Q (see ConvDesc.OutputDims), of one type,
// F32, F16 or BF16, and one layout, NHWC or NCHW, slices of channels included; sums are F32. Pointers: x, w, y.
//
// Errors: ErrInvalid if the shapes do not fit; ErrNotSupported if no engine takes them. (CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR.)
func (h *Handle) ConvForward(x, w, y TensorDesc, c ConvDesc, o ...Option) (*Plan, error) {
	return h.Plan(ConvForwardGraph(x, w, y, c, o...), o...)
}

// ConvForwardPlans lists what ConvForward can choose from.
func (h *Handle) ConvForwardPlans(x, w, y TensorDesc, c ConvDesc, o ...Option) ([]*Plan, error) {
	return h.Plans(ConvForwardGraph(x, w, y, c, o...), o...)
}

// ConvBackwardData prepares dx = Scale*(gradient of conv(x, w) in x at dy) + Accumulate*dx: of every tap of the window, w's value times dy's.
// dy is N×K×P×Q, w K×(C/groups)×R×S, dx N×C×H×W; types and layouts as for ConvForward. Pointers: dy, w, dx.
//
// Errors: as ConvForward's. (CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR.)
func (h *Handle) ConvBackwardData(dy, w, dx TensorDesc, c ConvDesc, o ...Option) (*Plan, error) {
	return h.Plan(ConvBackwardDataGraph(dy, w, dx, c, o...), o...)
}

// ConvBackwardDataPlans lists what ConvBackwardData can choose from.
func (h *Handle) ConvBackwardDataPlans(dy, w, dx TensorDesc, c ConvDesc, o ...Option) ([]*Plan, error) {
	return h.Plans(ConvBackwardDataGraph(dy, w, dx, c, o...), o...)
}

// ConvBackwardFilter prepares dw = Scale*(gradient of conv(x, w) in w at dy) + Accumulate*dw: sums over images and positions. x is N×C×H×W, dy
// N×K×P×Q, dw K×(C/groups)×R×S. x and dy are of one type; dw is of that type, or F32 beside 16-bit x and dy. Then it holds the sums as they are
// where an engine can store them, which one can for most shapes; for the rest (in groups on sm_80, say) they are rounded to x's type and converted.
// Of Accumulate only 0 and 1 do for certain there, and of Scale 1. Pointers: x, dy, dw.
//
// Errors: as ConvForward's. (CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR.)
func (h *Handle) ConvBackwardFilter(x, dy, dw TensorDesc, c ConvDesc, o ...Option) (*Plan, error) {
	graphs := convBackwardFilterGraphs(x, dy, dw, c, o)
	if h.usable("ConvBackwardFilter") == nil {
		h.measuredFirst(graphs, o)
	}
	var err error
	for _, g := range graphs {
		var p *Plan
		if p, err = h.Plan(g, o...); err == nil {
			return p, nil
		}
	}
	if !errors.Is(err, ErrNotSupported) || len(graphs) == 1 {
		return nil, err
	}
	return h.convertedFilter(x, dy, dw, c, o, err)
}

// ConvBackwardFilterPlans lists what ConvBackwardFilter can choose from.
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
	switch {
	case len(all) > 0:
		return all, nil
	case !errors.Is(err, ErrNotSupported) || len(graphs) == 1:
		return nil, err
	}
	p, err := h.convertedFilter(x, dy, dw, c, o, err)
	if err != nil {
		return nil, err
	}
	return []*Plan{p}, nil
}

// ConvForwardGraph is the graph of ConvForward.
func ConvForwardGraph(x, w, y TensorDesc, c ConvDesc, o ...Option) *Graph {
	return convGraph(Forward, x, w, y, c, o)
}

// ConvBackwardDataGraph is the graph of ConvBackwardData.
func ConvBackwardDataGraph(dy, w, dx TensorDesc, c ConvDesc, o ...Option) *Graph {
	return convGraph(BackwardData, dx, w, dy, c, o)
}

// ConvBackwardFilterGraph is the plain graph of ConvBackwardFilter: the convolution writes dw itself.
func ConvBackwardFilterGraph(x, dy, dw TensorDesc, c ConvDesc, o ...Option) *Graph {
	return convGraph(BackwardFilter, x, dw, dy, c, o)
}

// convGraph is one convolution between stored tensors; the pointers are the two read, then the written.
func convGraph(dir Direction, x, w, y TensorDesc, c ConvDesc, o []Option) *Graph {
	opt := resolve(o)
	g := NewGraph(dir.String())
	n := &Convolution{Dir: dir, Conv: c, Scale: opt.scale, Accumulate: opt.accumulate}
	store := func(name string, d TensorDesc) Ref {
		r := g.add(Tensor{TensorDesc: d, Name: name, Role: Output})
		g.bound = append(g.bound, r)
		return r
	}
	switch dir {
	case Forward:
		n.X, n.W = g.Input("x", x), g.Input("w", w)
		n.Y = store("y", y)
	case BackwardData:
		n.Y, n.W = g.Input("dy", y), g.Input("w", w)
		n.X = store("dx", x)
	case BackwardFilter:
		n.X, n.Y = g.Input("x", x), g.Input("dy", y)
		n.W = store("dw", w)
	}
	g.Nodes = append(g.Nodes, n)
	if err := c.check(); err != nil {
		g.fail("%s: %v", dir, err)
	}
	return g
}

// convBackwardFilterGraphs are the graphs that compute dw, the preferred first.
func convBackwardFilterGraphs(x, dy, dw TensorDesc, c ConvDesc, o []Option) []*Graph {
	plain := ConvBackwardFilterGraph(x, dy, dw, c, o...)
	opt := resolve(o)
	if dw.Type != F32 || x.Type == F32 || opt.scale != 1 || opt.accumulate != 0 && opt.accumulate != 1 {
		return []*Graph{plain}
	}
	g := NewGraph(BackwardFilter.String() + " into f32")
	xr, dyr := g.Input("x", x), g.Input("dy", dy)
	if opt.accumulate == 1 {
		held := g.Input("dw", dw)
		g.StoreOver(held, g.Add(g.ConvBackwardFilter(xr, dyr, dw.Dims, c), held))
	} else {
		g.Store("dw", g.Identity(g.ConvBackwardFilter(xr, dyr, dw.Dims, c)), dw)
	}
	return []*Graph{g, plain}
}

// measuredFirst puts the graphs that Autotune has timed, as the cache says, before the others, the fastest first.
func (h *Handle) measuredFirst(graphs []*Graph, o []Option) {
	if h.cache == nil || len(graphs) < 2 {
		return
	}
	rank := map[*Graph]int64{}
	for _, g := range graphs {
		rank[g] = 1 << 62
		if g.Check() != nil {
			continue
		}
		if e := h.cache.load(h.keyOf(g, resolve(o))); e != nil && e.Time > 0 {
			rank[g] = int64(e.Time)
		}
	}
	slices.SortStableFunc(graphs, func(a, b *Graph) int { return cmp.Compare(rank[a], rank[b]) })
}

// convertedFilter computes dw in x's type and converts it. why is what the direct way was refused for.
func (h *Handle) convertedFilter(x, dy, dw TensorDesc, c ConvDesc, o []Option, why error) (*Plan, error) {
	opt := resolve(o)
	narrow := dw
	narrow.Type = x.Type
	first, err := h.Plan(ConvBackwardFilterGraph(x, dy, narrow, c), append(o[:len(o):len(o)], Scale(1), Accumulate(0))...)
	if err != nil {
		return nil, why
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
		return nil, why
	}
	p := then(first, second, narrow.Bytes())
	if p.workspace > opt.workspace {
		p.Close()
		return nil, why
	}
	p.name, p.on, p.bindings = BackwardFilter.String()+" and convert", ConvBackwardFilterGraph(x, dy, dw, c).on(), []string{"x", "dy", "dw"}
	return p, nil
}
