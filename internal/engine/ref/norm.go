package ref

import (
	"math"

	"shake/internal/engine"
	"shake/internal/graph"
)

// moments are the statistics that a norm's forward pass normalised one replica with, by channel of
// X.
type moments struct{ mean, invstd []float64 }

// replicas calls f for every replica that has images.
func (p *Pass) replicas(f func(r, lo, hi int)) {
	for r := range p.batch.Replicas {
		if lo, hi := engine.ReplicaRange(p.N, p.batch.Replicas, r); lo < hi {
			f(r, lo, hi)
		}
	}
}

// norm computes y = gamma*(x-mean)/sqrt(var+epsilon) + beta, then the ReLU if the op has one. In
// training the moments are those of the replica's images, the variance biased; p.Stats gets it
// unbiased (biased where a channel has one number only). In inference they are the running ones.
func (p *Pass) norm(i int, o *graph.Norm) {
	if !p.training() {
		for _, part := range o.Parts {
			run := p.running[part.Name]
			for c := range part.C {
				p.normalize(o, part, c, 0, p.N, run.Mean[c], 1/math.Sqrt(run.Var[c]+graph.NormEpsilon))
			}
		}
		return
	}
	p.moments[i] = make([]moments, p.batch.Replicas)
	p.replicas(func(r, lo, hi int) {
		m := moments{mean: make([]float64, o.X.C), invstd: make([]float64, o.X.C)}
		for _, part := range o.Parts {
			stats := Moments{Mean: make([]float64, part.C), Var: make([]float64, part.C)}
			for c := range part.C {
				mean, variance, count := p.channelMoments(o.X.Value, o.X.Off+part.Off+c, lo, hi)
				m.mean[part.Off+c], m.invstd[part.Off+c] = mean, 1/math.Sqrt(variance+graph.NormEpsilon)
				stats.Mean[c], stats.Var[c] = mean, variance*count/math.Max(count-1, 1)
				p.normalize(o, part, c, lo, hi, mean, m.invstd[part.Off+c])
			}
			p.Stats[r][part.Name] = stats
		}
		p.moments[i][r] = m
	})
}

// channelMoments returns the mean and biased variance of one channel of images lo..hi-1, and how
// many numbers they are of.
func (p *Pass) channelMoments(id graph.ValueID, c, lo, hi int) (mean, variance, count float64) {
	for n := lo; n < hi; n++ {
		for _, x := range p.plane(p.Values, id, n, c) {
			mean += x
			count++
		}
	}
	mean /= count
	for n := lo; n < hi; n++ {
		for _, x := range p.plane(p.Values, id, n, c) {
			variance += (x - mean) * (x - mean)
		}
	}
	return mean, variance / count, count
}

func (p *Pass) normalize(o *graph.Norm, part graph.NormPart, c, lo, hi int, mean, invstd float64) {
	gamma, beta := p.params[part.Gamma][c], p.params[part.Beta][c]
	for n := lo; n < hi; n++ {
		x, y := p.plane(p.Values, o.X.Value, n, o.X.Off+part.Off+c), p.plane(p.Values, o.Y, n, part.Off+c)
		for i := range x {
			y[i] = gamma*((x[i]-mean)*invstd) + beta
			if o.ReLU {
				y[i] = max(y[i], 0)
			}
		}
	}
}

// normBackward computes, with yhat = (x-mean)*invstd, g = dy where the ReLU let through, P numbers
// a channel and replica:
//
//	S1 = sum g    S2 = sum g*yhat    dgamma += S2    dbeta += S1
//	dx += gamma*invstd*(g - S1/P - yhat*S2/P)
func (p *Pass) normBackward(i int, o *graph.Norm) {
	p.replicas(func(r, lo, hi int) {
		m := p.moments[i][r]
		for _, part := range o.Parts {
			for c := range part.C {
				p.normBackwardChannel(o, part, c, lo, hi, m.mean[part.Off+c], m.invstd[part.Off+c])
			}
		}
	})
}

func (p *Pass) normBackwardChannel(o *graph.Norm, part graph.NormPart, c, lo, hi int, mean, invstd float64) {
	var s1, s2, count float64
	each := func(f func(g, yhat float64, dx *float64)) {
		for n := lo; n < hi; n++ {
			x, dx := p.plane(p.Values, o.X.Value, n, o.X.Off+part.Off+c), p.plane(p.DValues, o.X.Value, n, o.X.Off+part.Off+c)
			y, dy := p.plane(p.Values, o.Y, n, part.Off+c), p.plane(p.DValues, o.Y, n, part.Off+c)
			for i := range x {
				g := dy[i]
				if o.ReLU && !(y[i] > 0) {
					g = 0
				}
				f(g, (x[i]-mean)*invstd, &dx[i])
			}
		}
	}
	each(func(g, yhat float64, _ *float64) {
		s1 += g
		s2 += g * yhat
		count++
	})
	d := p.params[part.Gamma][c] * invstd
	each(func(g, yhat float64, dx *float64) { *dx += d * (g - s1/count - yhat*s2/count) })
	p.DParams[part.Gamma][c] += s2
	p.DParams[part.Beta][c] += s1
}
