package ref

import "shake/internal/graph"

// window is one tap of a convolution between two maps: for output row p and columns q0 <= q < q1
// the input row is h(p) and the input column q*stride+dq. Outside the rows and columns that it
// names the input is padding.
type window struct {
	stride, dp, dq int
	p0, p1, q0, q1 int
}

// tap computes where tap (r, s) of a part reads: input row p*stride+r-PadH, within 0..H-1, and the
// same for columns.
func tap(part graph.ConvPart, stride, r, s int, x, y graph.Value) window {
	w := window{stride: stride, dp: r - part.PadH, dq: s - part.PadW}
	w.p0, w.p1 = inside(stride, w.dp, x.H, y.H)
	w.q0, w.q1 = inside(stride, w.dq, x.W, y.W)
	return w
}

// inside returns the outputs lo <= p < hi, p < out, for which 0 <= p*stride+d < in.
func inside(stride, d, in, out int) (lo, hi int) {
	for lo < out && lo*stride+d < 0 {
		lo++
	}
	hi = lo
	for hi < out && hi*stride+d < in {
		hi++
	}
	return lo, hi
}

// eachTap calls f for every pair of maps (n, input channel, output channel) and every tap of o,
// with the weight's address in its tensor.
func (p *Pass) eachTap(o *graph.Conv, f func(part graph.ConvPart, n, c, k, weight int, w window)) {
	x, y := p.Graph.Values[o.X.Value], p.Graph.Values[o.Y]
	for _, part := range o.Parts {
		cg, kg := part.C/part.Groups, part.K/part.Groups
		for r := range part.R {
			for s := range part.S {
				w := tap(part, o.Stride, r, s, x, y)
				for n := range p.N {
					for k := range part.K {
						for c := range cg {
							in := o.X.Off + part.XOff + k/kg*cg + c
							f(part, n, in, part.YOff+k, ((k*cg+c)*part.R+r)*part.S+s, w)
						}
					}
				}
			}
		}
	}
}

// conv computes y[k,p,q] = sum over c, r, s of x[c, p*stride+r-padH, q*stride+s-padW] * w[k,c,r,s],
// zeros outside x.
func (p *Pass) conv(o *graph.Conv) {
	xw, yw := p.Graph.Values[o.X.Value].W, p.Graph.Values[o.Y].W
	p.eachTap(o, func(part graph.ConvPart, n, c, k, weight int, t window) {
		x, y := p.plane(p.Values, o.X.Value, n, c), p.plane(p.Values, o.Y, n, k)
		w := p.params[part.W][weight]
		for i := t.p0; i < t.p1; i++ {
			row, at := y[i*yw:], (i*t.stride+t.dp)*xw+t.dq
			for q := t.q0; q < t.q1; q++ {
				row[q] += w * x[at+q*t.stride]
			}
		}
	})
}

// convBackward adds dx[c, p*stride+r-padH, ...] += dy[k,p,q] * w[k,c,r,s] and dw[k,c,r,s] += x[...]
// * dy[k,p,q].
func (p *Pass) convBackward(o *graph.Conv) {
	xw, yw := p.Graph.Values[o.X.Value].W, p.Graph.Values[o.Y].W
	p.eachTap(o, func(part graph.ConvPart, n, c, k, weight int, t window) {
		x, dx := p.plane(p.Values, o.X.Value, n, c), p.plane(p.DValues, o.X.Value, n, c)
		dy := p.plane(p.DValues, o.Y, n, k)
		w, dw := p.params[part.W][weight], 0.0
		for i := t.p0; i < t.p1; i++ {
			row, at := dy[i*yw:], (i*t.stride+t.dp)*xw+t.dq
			for q := t.q0; q < t.q1; q++ {
				dx[at+q*t.stride] += w * row[q]
				dw += x[at+q*t.stride] * row[q]
			}
		}
		p.DParams[part.W][weight] += dw
	})
}
