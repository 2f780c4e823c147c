package ref

import "shake/internal/graph"

// relu computes y = max(x, 0). NaN stays NaN, so that divergence reaches the loss.
func (p *Pass) relu(o *graph.ReLU) {
	p.eachPlane(o.X, func(n, c int) {
		x, y := p.plane(p.Values, o.X.Value, n, o.X.Off+c), p.plane(p.Values, o.Y, n, c)
		for i := range x {
			y[i] = max(x[i], 0)
		}
	})
}

// reluBackward adds dx += dy where x > 0.
func (p *Pass) reluBackward(o *graph.ReLU) {
	p.eachPlane(o.X, func(n, c int) {
		x, dx := p.plane(p.Values, o.X.Value, n, o.X.Off+c), p.plane(p.DValues, o.X.Value, n, o.X.Off+c)
		dy := p.plane(p.DValues, o.Y, n, c)
		for i := range x {
			if x[i] > 0 {
				dx[i] += dy[i]
			}
		}
	})
}

// subsample computes y[p,q] = x[p*stride-shift, q*stride-shift], 0 outside x.
func (p *Pass) subsample(o *graph.Subsample) {
	p.eachPlane(o.X, func(n, c int) {
		x, y := p.plane(p.Values, o.X.Value, n, o.X.Off+c), p.plane(p.Values, o.Y, n, c)
		p.eachSample(o, func(from, to int) { y[to] = x[from] })
	})
}

// subsampleBackward adds dx[p*stride-shift, q*stride-shift] += dy[p,q].
func (p *Pass) subsampleBackward(o *graph.Subsample) {
	p.eachPlane(o.X, func(n, c int) {
		dx, dy := p.plane(p.DValues, o.X.Value, n, o.X.Off+c), p.plane(p.DValues, o.Y, n, c)
		p.eachSample(o, func(from, to int) { dx[from] += dy[to] })
	})
}

// eachSample calls f with the index of a pixel of x's map and the index of the pixel of y's map
// that is a copy of it.
func (p *Pass) eachSample(o *graph.Subsample, f func(from, to int)) {
	x, y := p.Graph.Values[o.X.Value], p.Graph.Values[o.Y]
	for i := range y.H {
		for j := range y.W {
			h, w := i*o.Stride-o.Shift, j*o.Stride-o.Shift
			if h >= 0 && h < x.H && w >= 0 && w < x.W {
				f(h*x.W+w, i*y.W+j)
			}
		}
	}
}

// concat stacks its inputs on channels.
func (p *Pass) concat(o *graph.Concat) {
	p.eachStacked(o, func(x graph.Ref, n, c, yc int) {
		copy(p.plane(p.Values, o.Y, n, yc), p.plane(p.Values, x.Value, n, x.Off+c))
	})
}

func (p *Pass) concatBackward(o *graph.Concat) {
	p.eachStacked(o, func(x graph.Ref, n, c, yc int) {
		add(p.plane(p.DValues, x.Value, n, x.Off+c), p.plane(p.DValues, o.Y, n, yc), 1)
	})
}

func (p *Pass) eachStacked(o *graph.Concat, f func(x graph.Ref, n, c, yc int)) {
	off := 0
	for _, x := range o.Xs {
		p.eachPlane(x, func(n, c int) { f(x, n, c, off+c) })
		off += x.C
	}
}

// join computes y = skip + sum over k of alpha[k] * branch_k, then the ReLU if the op has one. In
// inference alpha is the block's expected one.
func (p *Pass) join(o *graph.Join) {
	p.eachPlane(graph.Ref{C: p.Graph.Values[o.Y].C}, func(n, c int) {
		y := p.plane(p.Values, o.Y, n, c)
		if o.Skip != nil {
			copy(y, p.plane(p.Values, o.Skip.Value, n, o.Skip.Off+c))
		}
		for k, branch := range o.Branches {
			a := p.Graph.Blocks[o.Block].Expected()
			if p.training() {
				a = p.batch.Alpha[o.Block][k][n]
			}
			add(y, p.plane(p.Values, branch.Value, n, branch.Off+c), a)
		}
		if o.ReLU {
			for i := range y {
				y[i] = max(y[i], 0)
			}
		}
	})
}

// joinBackward adds dskip += g and dbranch_k += beta[k]*g, where g = dy where the ReLU let through:
// the skip's gradient is unscaled.
func (p *Pass) joinBackward(o *graph.Join) {
	p.eachPlane(graph.Ref{C: p.Graph.Values[o.Y].C}, func(n, c int) {
		y, g := p.plane(p.Values, o.Y, n, c), append([]float64(nil), p.plane(p.DValues, o.Y, n, c)...)
		for i := range g {
			if o.ReLU && !(y[i] > 0) {
				g[i] = 0
			}
		}
		if o.Skip != nil {
			add(p.plane(p.DValues, o.Skip.Value, n, o.Skip.Off+c), g, 1)
		}
		for k, branch := range o.Branches {
			add(p.plane(p.DValues, branch.Value, n, branch.Off+c), g, p.batch.Beta[o.Block][k][n])
		}
	})
}

// eachPlane calls f for every image and every channel of x, counted from its offset.
func (p *Pass) eachPlane(x graph.Ref, f func(n, c int)) {
	for n := range p.N {
		for c := range x.C {
			f(n, c)
		}
	}
}

// add is dst += a*src.
func add(dst, src []float64, a float64) {
	for i, s := range src {
		dst[i] += a * s
	}
}
