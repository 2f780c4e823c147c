package gpu

import (
	"errors"
	"slices"

	"shake/cudnn"
)

// A weight gradient is a product with few rows and columns and a very long sum, over all images and
// positions: in the first blocks of 26 2x32d, 64 by 288 results of 131,072 products each. An engine
// with one thread block for each tile of the result uses 9 of an H100's 132 multiprocessors.
// Besides the library's own proposals, the candidates therefore include plans that cut the sum into
// slices, as many as fill the card. The card's timer decides; without a measurement, a small model
// decides.

// tile is the approximate side of the tile of the result that a thread block computes: engines of
// today use 64 to 256.
const tile = 128

// filterShape is a weight gradient as a product: in each of the groups k rows and, for each of the
// taps, c columns. Each result is a sum of sum products.
type filterShape struct {
	k, c, taps, groups, sum int64
}

func shapeOf(x, dy, dw cudnn.TensorDesc, c cudnn.ConvDesc) filterShape {
	g := int64(max(c.Groups, 1))
	return filterShape{dw.Dims[0] / g, dw.Dims[1], dw.Dims[2] * dw.Dims[3], g, dy.Dims[0] * dy.Dims[2] * dy.Dims[3]}
}

func ceil(a, b int64) int64 { return (a + b - 1) / b }

// tiles is the number of thread blocks of a product without slices if its taps lie side by side:
// the fewest.
func (s filterShape) tiles() int64 { return s.groups * ceil(s.k, tile) * ceil(s.c*s.taps, tile) }

// tapTiles is the same number if each tap has tiles of its own: the most.
func (s filterShape) tapTiles() int64 { return s.groups * s.taps * ceil(s.k, tile) * ceil(s.c, tile) }

// shortestSlice is the shortest slice that is worth a thread block of its own: sixteen turns of a
// loop of 32 products.
const shortestSlice = 512

// slices is the number of slices that fill the card so many times, one thread block a
// multiprocessor, within the knob's range.
func (s filterShape) slices(sms, times int, k cudnn.Knob) int64 {
	n := min(int64(times*sms)/s.tiles(), s.sum/shortestSlice, k.Max)
	n = max(n, k.Min)
	if k.Stride > 1 {
		n -= (n - k.Min) % k.Stride
	}
	return n
}

// grid is the model's view of a plan: the slices of its sum, and its thread blocks. A plan with
// slices keeps them in its workspace, so the size of the workspace tells their number. A plan
// chosen by the knob records the number itself.
func (s filterShape) grid(plan *cudnn.Plan, dw cudnn.TensorDesc) (slices, blocks int64) {
	if n, ok := plan.Config().Setting(cudnn.KnobSplitKSlices); ok && n > 0 {
		return n, n * s.tiles()
	}
	n := max(1, plan.Workspace()/dw.Bytes())
	return n, n * s.tapTiles()
}

// addSlice is the cost of storing and adding a slice, in products.
const addSlice = 16

// cost is the model's time of a plan, in products that a thread block adds one after the other:
// waves of thread blocks times the length of a slice, plus the cost of adding the slices.
func (s filterShape) cost(slices, blocks int64, sms int) int64 {
	return ceil(blocks, int64(sms))*ceil(s.sum, slices) + slices*addSlice
}

// filterPlan is convolution.plan of a weight gradient. A measured choice comes first. Next is the
// library's first proposal, unless it leaves more than a quarter of the card idle. In that case the
// model picks the faster of this proposal and one in slices. Where no engine slices, the plan in 16
// bits is taken if it multiplies on tensor cores: such engines cut their sums by themselves.
func filterPlan(h *cudnn.Handle, x, dy, dw cudnn.TensorDesc, c cudnn.ConvDesc, o ...cudnn.Option) (*cudnn.Plan, error) {
	if x.Type == cudnn.F32 {
		return h.ConvBackwardFilter(x, dy, dw, c, o...)
	}
	if p, err := h.ConvBackwardFilterMeasured(x, dy, dw, c, o...); p != nil || err != nil {
		return p, err
	}
	s, sms := shapeOf(x, dy, dw, c), h.Multiprocessors()
	cost := func(p *cudnn.Plan) int64 { n, blocks := s.grid(p, dw); return s.cost(n, blocks, sms) }
	first, err := h.Plan(cudnn.ConvBackwardFilterF32Graph(x, dy, dw, c, o...), o...)
	if err != nil && !errors.Is(err, cudnn.ErrNotSupported) {
		return nil, err
	}
	if first != nil {
		if _, blocks := s.grid(first, dw); 4*blocks >= 3*int64(sms) {
			return first, nil
		}
	}
	next := slicedPlans(h, x, dy, dw, c, o, 1)
	if next == nil {
		if p, err := h.ConvBackwardFilterConverted(x, dy, dw, c, o...); err == nil && (first == nil || p.TensorCores()) {
			next = append(next, p)
		} else if err == nil {
			p.Close()
		}
	} else if first != nil && cost(first) <= cost(next[0]) {
		next[0].Close()
		return first, nil
	}
	switch {
	case next != nil && first != nil:
		return next[0], first.Close()
	case next != nil:
		return next[0], nil
	case first != nil:
		return first, nil
	}
	return h.ConvBackwardFilter(x, dy, dw, c, o...) // its error says why no plan exists
}

// filterPlans is convolution.plans of a weight gradient, the candidates of the timer: the library's
// proposals, also in 16 bits, and plans in slices that fill the card once and twice.
func filterPlans(h *cudnn.Handle, x, dy, dw cudnn.TensorDesc, c cudnn.ConvDesc, o ...cudnn.Option) ([]*cudnn.Plan, error) {
	all, err := h.ConvBackwardFilterPlans(x, dy, dw, c, o...)
	if err != nil && !errors.Is(err, cudnn.ErrNotSupported) || x.Type == cudnn.F32 {
		return all, err
	}
	all = append(all, slicedPlans(h, x, dy, dw, c, o, 1, 2)...)
	if len(all) == 0 {
		return nil, err
	}
	return all, nil
}

// slicedPlans are plans of the first engine that stores float32 sums and cuts them, into as many
// slices as fill the card so many times each. An engine that does not support the convolution fails
// at once.
func slicedPlans(h *cudnn.Handle, x, dy, dw cudnn.TensorDesc, c cudnn.ConvDesc, o []cudnn.Option, times ...int) []*cudnn.Plan {
	s := shapeOf(x, dy, dw, c)
	g := cudnn.ConvBackwardFilterF32Graph(x, dy, dw, c, o...)
	engines, err := h.Engines(g, o...)
	if err != nil {
		return nil
	}
	for _, e := range engines {
		k, ok := e.Knob(cudnn.KnobSplitKSlices)
		if !ok {
			continue
		}
		var out []*cudnn.Plan
		var done []int64
		for _, t := range times {
			n := s.slices(h.Multiprocessors(), t, k)
			if n < 2 || slices.Contains(done, n) {
				continue
			}
			done = append(done, n)
			config := cudnn.EngineConfig{Engine: e.Index, Settings: []cudnn.Setting{{Type: k.Type, Value: n}}}
			if p, err := h.Plan(g, append(slices.Clip(o), cudnn.UseEngine(config))...); err == nil {
				out = append(out, p)
			}
		}
		if out != nil {
			return out
		}
	}
	return nil
}
