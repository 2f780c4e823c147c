package ref

import (
	"math"

	"shake/internal/graph"
)

// head computes logits[j] = bias[j] + sum over c of w[j,c] * mean over H,W of x[c], and in training
// the cross-entropy of each image with its target q: loss = log(sum exp(logits)) - sum of q logits.
func (p *Pass) head(o *graph.Head) {
	w, bias := p.params[o.W], p.params[o.Bias]
	p.Logits = make([][]float64, p.N)
	for n := range p.N {
		z := append([]float64(nil), bias...)
		pooled := p.pooled(o, n)
		for j := range z {
			for c, x := range pooled {
				z[j] += w[j*o.X.C+c] * x
			}
		}
		p.Logits[n] = z
	}
	if !p.training() {
		return
	}
	p.Losses = make([]float64, p.N)
	for n, z := range p.Logits {
		p.Losses[n] = crossEntropy(z, p.target(n))
	}
}

// target is the target of image n: its label, or the mean m of two (Zhang et al. 2018), smoothed
// (Szegedy et al. 2016).
//
//	m = weight*onehot(label) + (1-weight)*onehot(other)    q = (1-e) m + e/classes
func (p *Pass) target(n int) []float64 {
	q := oneHot(p.batch.Labels[n], p.Graph.Classes)
	if p.batch.Others != nil {
		q[p.batch.Labels[n]] = p.batch.Weight
		q[p.batch.Others[n]] += 1 - p.batch.Weight
	}
	for j := range q {
		q[j] = (1-p.batch.Smoothing)*q[j] + p.batch.Smoothing/float64(len(q))
	}
	return q
}

func oneHot(label, classes int) []float64 {
	q := make([]float64, classes)
	q[label] = 1
	return q
}

// headBackward adds the gradient of the mean loss: dlogits = (softmax(logits) - target) / N, then
// dw, dbias, and dx spread evenly over H and W.
func (p *Pass) headBackward(o *graph.Head) {
	w := p.params[o.W]
	for n := range p.N {
		pooled := p.pooled(o, n)
		dpooled := make([]float64, o.X.C)
		target := p.target(n)
		for j, prob := range softmax(p.Logits[n]) {
			dz := (prob - target[j]) / float64(p.N)
			p.DParams[o.Bias][j] += dz
			for c, x := range pooled {
				p.DParams[o.W][j*o.X.C+c] += dz * x
				dpooled[c] += dz * w[j*o.X.C+c]
			}
		}
		for c, d := range dpooled {
			dx := p.plane(p.DValues, o.X.Value, n, o.X.Off+c)
			for i := range dx {
				dx[i] += d / float64(len(dx))
			}
		}
	}
}

// pooled is the mean of every channel of image n.
func (p *Pass) pooled(o *graph.Head, n int) []float64 {
	out := make([]float64, o.X.C)
	for c := range out {
		x := p.plane(p.Values, o.X.Value, n, o.X.Off+c)
		for _, v := range x {
			out[c] += v
		}
		out[c] /= float64(len(x))
	}
	return out
}

// softmax subtracts the largest logit first, so that no exponential overflows.
func softmax(z []float64) []float64 {
	top, sum := math.Inf(-1), 0.0
	for _, v := range z {
		top = max(top, v)
	}
	out := make([]float64, len(z))
	for j, v := range z {
		out[j] = math.Exp(v - top)
		sum += out[j]
	}
	for j := range out {
		out[j] /= sum
	}
	return out
}

// crossEntropy leaves classes out that the target gives nothing.
func crossEntropy(z, target []float64) float64 {
	top, sum := math.Inf(-1), 0.0
	for _, v := range z {
		top = max(top, v)
	}
	for _, v := range z {
		sum += math.Exp(v - top)
	}
	loss := top + math.Log(sum)
	for j, q := range target {
		if q != 0 {
			loss -= q * z[j]
		}
	}
	return loss
}

// argmax is the first class of the largest logit.
func argmax(z []float64) int {
	best := 0
	for j, v := range z {
		if v > z[best] {
			best = j
		}
	}
	return best
}
