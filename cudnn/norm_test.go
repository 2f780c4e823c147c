package cudnn_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"shake/cudnn"
)

// TestBatchNorm compares the norm forward (with its fused steps), its running statistics, the norm
// from given statistics, and backward.
func TestBatchNorm(t *testing.T) {
	c := open(t)
	for _, typ := range []cudnn.DataType{f32, bf16} {
		for _, n := range []cudnn.NormDesc{{}, {ReLU: true}, {Add: true, ReLU: true}, {Epsilon: 0.1, Momentum: 0.5}} {
			c.what = typ.String()
			if n.ReLU {
				c.what += " relu"
			}
			if n.Add {
				c.what += " add"
			}
			c.batchNorm(typ, n)
		}
	}
}

func (c *card) batchNorm(typ cudnn.DataType, n cudnn.NormDesc) {
	r := rand.New(rand.NewPCG(3, 4))
	d := cudnn.NHWC(3, 16, 4, 5, typ)
	per := float64(3 * 4 * 5)
	eps, momentum := 1e-5, 0.1
	if n.Epsilon != 0 {
		eps, momentum = float64(n.Epsilon), float64(n.Momentum)
	}
	x, z, dy := c.put(d, random(r, d.Elements())), c.put(d, random(r, d.Elements())), c.put(d, random(r, d.Elements()))
	scale, bias := c.vec(random(r, 16)), c.vec(random(r, 16))
	runMean, runVar := c.vec(random(r, 16)), c.vec(ones(16, 2))
	mean, variance, invstd := make([]float64, 16), make([]float64, 16), make([]float64, 16)
	each(d, func(i, _, k int) { mean[k] += x.v[i] / per })
	each(d, func(i, _, k int) { variance[k] += (x.v[i] - mean[k]) * (x.v[i] - mean[k]) / per })
	wantMean, wantVar := make([]float64, 16), make([]float64, 16)
	for k := range 16 {
		invstd[k] = 1 / math.Sqrt(variance[k]+eps)
		wantMean[k] = (1-momentum)*runMean.v[k] + momentum*mean[k]
		wantVar[k] = (1-momentum)*runVar.v[k] + momentum*variance[k]*per/(per-1)
	}
	want, open := zeros(d), make([]bool, d.Elements()) // open: the gradient passes
	each(d, func(i, _, k int) {
		want[i] = scale.v[k]*(x.v[i]-mean[k])*invstd[k] + bias.v[k]
		if n.Add {
			want[i] += z.v[i]
		}
		if open[i] = !n.ReLU || want[i] > 0; !open[i] {
			want[i] = 0
		}
	})

	y, saveMean, saveInv := c.put(d, zeros(d)), c.vec(make([]float64, 16)), c.vec(make([]float64, 16))
	mask := c.put(cudnn.NHWC(1, int(d.Elements()/8), 1, 1, cudnn.I8), make([]float64, d.Elements()/8))
	in, out := []*tensor{x, scale, bias, runMean, runVar}, []*tensor{y, saveMean, saveInv}
	if n.Add {
		in, out = append(in, z), append(out, mask)
	}
	if c.run("norm", cudnn.BatchNormForwardGraph(d, d, n), nil, append(in, out...)...) {
		near := ones(len(want), 8)
		c.compare("y", typ, c.get(y), want, near)
		c.compare("mean", f32, c.get(saveMean), mean, near)
		c.compare("invstd", f32, c.get(saveInv), invstd, ones(16, 16))
		c.compare("running mean", f32, c.get(runMean), wantMean, near)
		c.compare("running var", f32, c.get(runVar), wantVar, near)
	} else {
		c.t.Errorf("%s: the norm is not supported", c.what)
	}

	given := []*tensor{x, c.vec(mean), c.vec(invstd), scale, bias}
	if n.Add {
		given = append(given, z)
	}
	again := c.put(d, zeros(d))
	if c.run("norm from statistics", cudnn.BatchNormInferenceGraph(d, d, n), nil, append(given, again)...) {
		c.compare("y", typ, c.get(again), want, ones(len(want), 8))
	}

	// An element whose ReLU input is next to zero may go either way. The gradients are compared
	// through the mask of the float64 result, so no such element may exist.
	dbias, dscale, dx, dz := make([]float64, 16), make([]float64, 16), zeros(d), zeros(d)
	each(d, func(i, _, k int) {
		if open[i] {
			dz[i] = dy.v[i]
			dbias[k] += dz[i]
			dscale[k] += dz[i] * (x.v[i] - mean[k]) * invstd[k]
		}
	})
	each(d, func(i, _, k int) {
		xhat := (x.v[i] - mean[k]) * invstd[k]
		dx[i] = scale.v[k] * invstd[k] * (dz[i] - dbias[k]/per - xhat*dscale[k]/per)
	})
	gx, gscale, gbias, gz := c.put(d, zeros(d)), c.vec(make([]float64, 16)), c.vec(make([]float64, 16)), c.put(d, zeros(d))
	args := []*tensor{x, dy, scale, saveMean, saveInv}
	switch {
	case n.Add:
		args = append(args, mask)
	case n.ReLU:
		args = append(args, bias)
	}
	args = append(args, gx, gscale, gbias)
	if n.Add {
		args = append(args, gz)
	}
	if c.run("norm backward", cudnn.BatchNormBackwardGraph(d, d, d, n), nil, args...) {
		c.compare("dx", typ, c.get(gx), dx, ones(len(dx), 16))
		c.compare("dscale", f32, c.get(gscale), dscale, ones(16, 64))
		c.compare("dbias", f32, c.get(gbias), dbias, ones(16, 64))
		if n.Add {
			c.compare("dz", typ, c.get(gz), dz, ones(len(dz), 1))
		}
	} else {
		c.t.Errorf("%s: the norm's gradient is not supported", c.what)
	}
}
