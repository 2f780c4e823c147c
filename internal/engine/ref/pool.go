package ref

import (
	"math"

	"shake/internal/engine"
	"shake/internal/graph"
)

// pool computes the maximum or the mean of every window.
func (p *Pass) pool(o *graph.Pool) {
	p.eachPlane(o.X, func(n, c int) {
		x, y := p.plane(p.Values, o.X.Value, n, o.X.Off+c), p.plane(p.Values, o.Y, n, c)
		p.eachWindow(o, func(to int, from []int) {
			if o.Max {
				y[to] = x[largest(x, from)]
				return
			}
			for _, i := range from {
				y[to] += x[i] / float64(o.R*o.S)
			}
		})
	})
}

// poolBackward adds a window's gradient to its largest pixel, or an equal part of it to each.
func (p *Pass) poolBackward(o *graph.Pool) {
	p.eachPlane(o.X, func(n, c int) {
		x, dx := p.plane(p.Values, o.X.Value, n, o.X.Off+c), p.plane(p.DValues, o.X.Value, n, o.X.Off+c)
		dy := p.plane(p.DValues, o.Y, n, c)
		p.eachWindow(o, func(to int, from []int) {
			if o.Max {
				dx[largest(x, from)] += dy[to]
				return
			}
			for _, i := range from {
				dx[i] += dy[to] / float64(o.R*o.S)
			}
		})
	})
}

// largest is the first of the given pixels with the largest number; a NaN is larger than any.
func largest(x []float64, at []int) int {
	best := at[0]
	for _, i := range at[1:] {
		if x[i] > x[best] || math.IsNaN(x[i]) && !math.IsNaN(x[best]) {
			best = i
		}
	}
	return best
}

// eachWindow calls f with the index of a pixel of y and the indexes of x's pixels in its window, by
// rows.
func (p *Pass) eachWindow(o *graph.Pool, f func(to int, from []int)) {
	x, y := p.Graph.Values[o.X.Value], p.Graph.Values[o.Y]
	for i := range y.H {
		for j := range y.W {
			var from []int
			for r := range o.R {
				for s := range o.S {
					h, w := i*o.Stride+r-o.Pad, j*o.Stride+s-o.Pad
					if h >= 0 && h < x.H && w >= 0 && w < x.W {
						from = append(from, h*x.W+w)
					}
				}
			}
			f(i*y.W+j, from)
		}
	}
}

// dropout computes y = x times the factors of engine.Kept; in inference y = x.
func (p *Pass) dropout(o *graph.Dropout) {
	p.eachDropped(o, func(n, c, pixel int, factor float64) {
		p.plane(p.Values, o.Y, n, c)[pixel] = factor * p.plane(p.Values, o.X.Value, n, o.X.Off+c)[pixel]
	})
}

func (p *Pass) dropoutBackward(o *graph.Dropout) {
	p.eachDropped(o, func(n, c, pixel int, factor float64) {
		p.plane(p.DValues, o.X.Value, n, o.X.Off+c)[pixel] += factor * p.plane(p.DValues, o.Y, n, c)[pixel]
	})
}

func (p *Pass) eachDropped(o *graph.Dropout, f func(n, c, pixel int, factor float64)) {
	v := p.Graph.Values[o.Y]
	for n := range p.N {
		kept := engine.Kept(p.batch.Seed, p.batch.Iteration, n, o)
		for pixel := range v.H * v.W {
			for c := range v.C {
				factor := 1.0
				if p.training() {
					factor = kept.Factor(pixel, c)
				}
				f(n, c, pixel, factor)
			}
		}
	}
}

// widen copies x; the channels behind stay zero.
func (p *Pass) widen(o *graph.Widen) {
	p.eachPlane(o.X, func(n, c int) {
		copy(p.plane(p.Values, o.Y, n, c), p.plane(p.Values, o.X.Value, n, o.X.Off+c))
	})
}

func (p *Pass) widenBackward(o *graph.Widen) {
	p.eachPlane(o.X, func(n, c int) {
		add(p.plane(p.DValues, o.X.Value, n, o.X.Off+c), p.plane(p.DValues, o.Y, n, c), 1)
	})
}
