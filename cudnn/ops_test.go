package cudnn_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"shake/cudnn"
)

const (
	bf16 = cudnn.BF16
	f32  = cudnn.F32
)

// vec is an F32 tensor of one value a channel.
func (c *card) vec(v []float64) *tensor { return c.put(cudnn.PerChannel(len(v), f32), v) }

func zeros(d cudnn.TensorDesc) []float64 { return make([]float64, d.Elements()) }

// each calls f with the place and the channel of every element of a tensor of four dimensions.
func each(d cudnn.TensorDesc, f func(i, n, k int)) {
	hw := int(d.Dims[2] * d.Dims[3])
	for i := range int(d.Elements()) {
		f(i, i/hw/int(d.Dims[1]), i/hw%int(d.Dims[1]))
	}
}

// ones is a scale of comparison for values of about one.
func ones(n int, by float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = by
	}
	return v
}

// TestBlending scales and accumulates in every direction, and gathers weight gradients of 16-bit tensors in F32.
func TestBlending(t *testing.T) {
	c := open(t)
	r := rand.New(rand.NewPCG(1, 2))
	conv := cudnn.ConvDesc{Pad: [2]int{1, 1}}
	for _, typ := range []cudnn.DataType{f32, bf16} {
		c.what = typ.String()
		xd, wd := cudnn.NHWC(2, 8, 4, 4, typ), cudnn.NHWC(8, 8, 3, 3, typ)
		x, w, dy := c.put(xd, random(r, xd.Elements())), c.put(wd, random(r, wd.Elements())), c.put(xd, random(r, xd.Elements()))
		y, dx, dw := c.put(xd, random(r, xd.Elements())), c.put(xd, random(r, xd.Elements())), c.put(wd, random(r, wd.Elements()))
		var want, scale [3][]float64
		for i, v := range []*tensor{y, dx, dw} {
			want[i], scale[i] = make([]float64, len(v.v)), make([]float64, len(v.v))
			for j := range v.v {
				want[i][j], scale[i][j] = 2*v.v[j], 2
			}
		}
		add := func(i int, at int64, v float64) { want[i][at] += v / 4; scale[i][at] += math.Abs(v) / 4 }
		taps(xd.Dims, wd.Dims, xd.Dims, conv, func(ix, iw, iy int64) {
			add(0, iy, x.v[ix]*w.v[iw])
			add(1, ix, dy.v[iy]*w.v[iw])
			add(2, iw, dy.v[iy]*x.v[ix])
		})
		o := []cudnn.Option{cudnn.Scale(0.25), cudnn.Accumulate(2)}
		if c.run("forward", cudnn.ConvForwardGraph(xd, wd, xd, conv, o...), o, x, w, y) {
			c.compare("y", typ, c.get(y), want[0], scale[0])
		}
		if c.run("data", cudnn.ConvBackwardDataGraph(xd, wd, xd, conv, o...), o, dy, w, dx) {
			c.compare("dx", typ, c.get(dx), want[1], scale[1])
		}
		if c.run("filter", cudnn.ConvBackwardFilterGraph(xd, xd, wd, conv, o...), o, x, dy, dw) {
			c.compare("dw", typ, c.get(dw), want[2], scale[2])
		}
		if typ == f32 {
			continue
		}
		gd := cudnn.NHWC(8, 8, 3, 3, f32)
		g := c.put(gd, random(r, gd.Elements()))
		sum, room := append([]float64(nil), g.v...), ones(len(g.v), 1)
		for _, step := range []struct {
			accumulate, convert bool
		}{{true, false}, {true, false}, {false, false}, {true, true}, {false, true}, {true, false}} {
			var o []cudnn.Option
			if step.accumulate {
				o = append(o, cudnn.Accumulate(1))
			} else {
				clear(sum)
			}
			taps(xd.Dims, wd.Dims, xd.Dims, conv, func(ix, iw, iy int64) {
				sum[iw] += dy.v[iy] * x.v[ix]
				room[iw] += math.Abs(dy.v[iy] * x.v[ix])
			})
			plan := c.h.ConvBackwardFilter
			if step.convert {
				plan = func(x, dy, dw cudnn.TensorDesc, conv cudnn.ConvDesc, o ...cudnn.Option) (*cudnn.Plan, error) {
					return cudnn.ConvertedFilter(c.h, x, dy, dw, conv, o...)
				}
				for i := range room { // what the rounding to 16 bits loses
					room[i] += epsilon[bf16] / 4e-6 * 10
				}
			}
			p, err := plan(xd, xd, gd, conv, o...)
			if err != nil {
				t.Fatal(err)
			}
			c.check(p.Run(c.work(p), x.ptr(), dy.ptr(), g.ptr()))
			c.compare("dw in f32", f32, c.get(g), sum, room)
			if step.convert {
				if err := p.Run(0, x.ptr(), dy.ptr(), g.ptr()); !errors.Is(err, cudnn.ErrInvalid) {
					t.Errorf("no workspace: %v", err)
				}
				if err := p.Run(256, x.ptr(), dy.ptr()); !errors.Is(err, cudnn.ErrInvalid) {
					t.Errorf("two pointers: %v", err)
				}
			}
			c.check(p.Close())
		}
	}
}

// TestBatchNorm compares the norm forward (with what is fused behind it), its running statistics, from given statistics, and backward.
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
	mask := c.put(cudnn.NHWC(1, int(d.Elements()/8), 1, 1, cudnn.I8), make([]float64, d.Elements()/8)) // bits
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

	// Elements whose ReLU input is next to zero may go either way; the gradients are held against the mask that the float64 result gives,
	// so there must be none.
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

// TestElementwise compares activations, sums, reductions and softmax.
func TestElementwise(t *testing.T) {
	c := open(t)
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	for _, typ := range []cudnn.DataType{f32, bf16} {
		c.what = typ.String()
		r := rand.New(rand.NewPCG(5, 6))
		d := cudnn.NHWC(2, 16, 3, 4, typ)
		x, dy := c.put(d, random(r, d.Elements())), c.put(d, random(r, d.Elements()))
		near := ones(len(x.v), 4)
		for _, a := range []struct {
			mode  cudnn.PointwiseMode
			f, df func(x float64) float64
		}{
			{cudnn.ReLU, func(x float64) float64 { return max(x, 0) }, func(x float64) float64 { return (1 + math.Copysign(1, x)) / 2 }},
			{cudnn.Tanh, math.Tanh, func(x float64) float64 { return 1 - math.Tanh(x)*math.Tanh(x) }},
			{cudnn.Sigmoid, sigmoid, func(x float64) float64 { return sigmoid(x) * (1 - sigmoid(x)) }},
			{cudnn.ELU, func(x float64) float64 { return max(x, 0) + math.Expm1(min(x, 0)) }, func(x float64) float64 { return math.Exp(min(x, 0)) }},
			{cudnn.GELU, func(x float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) }, func(x float64) float64 {
				return (1+math.Erf(x/math.Sqrt2))/2 + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
			}},
			{cudnn.Swish, func(x float64) float64 { return x * sigmoid(x) }, func(x float64) float64 { return sigmoid(x) * (1 + x*(1-sigmoid(x))) }},
		} {
			want, grad := zeros(d), zeros(d)
			y, dx := c.put(d, zeros(d)), c.put(d, zeros(d))
			for i, v := range x.v {
				want[i], grad[i] = a.f(v), dy.v[i]*a.df(v)
			}
			if c.run(a.mode.String(), cudnn.ActivationForwardGraph(a.mode, d, d), nil, x, y) {
				c.compare(a.mode.String(), typ, c.get(y), want, near)
			}
			if c.run(a.mode.String()+" backward", cudnn.ActivationBackwardGraph(a.mode, d, d, d), nil, x, dy, dx) {
				c.compare(a.mode.String()+" backward", typ, c.get(dx), grad, near)
			}
		}

		b := c.put(cudnn.PerChannel(16, typ), random(r, 16))
		want, sum, largest := zeros(d), make([]float64, 16), ones(int(d.Elements()/16), math.Inf(-1))
		each(d, func(i, n, k int) {
			want[i] = x.v[i] + b.v[k]
			sum[k] += x.v[i]
			p := n*12 + i%12
			largest[p] = max(largest[p], x.v[i])
		})
		y := c.put(d, zeros(d))
		if c.run("add", cudnn.AddTensorGraph(d, b.TensorDesc, d), nil, x, b, y) {
			c.compare("x + b", typ, c.get(y), want, near)
		}
		s := c.vec(make([]float64, 16))
		if c.run("sum", cudnn.ReduceGraph(cudnn.Sum, d, s.TensorDesc), nil, x, s) {
			c.compare("sum", f32, c.get(s), sum, ones(16, 24))
		}
		md := cudnn.NHWC(2, 1, 3, 4, f32)
		m := c.put(md, zeros(md))
		if c.run("maximum", cudnn.ReduceGraph(cudnn.Maximum, d, md), nil, x, m) {
			c.compare("maximum", f32, c.get(m), largest, near)
		}
		for _, log := range []bool{false, true} {
			c.softmax(x, dy, log)
		}
	}
}

func (c *card) softmax(x, dy *tensor, log bool) {
	d := x.TensorDesc
	total, dot := make([]float64, d.Elements()), make([]float64, d.Elements())
	place := func(i, n int) int { return n*12 + i%12 }
	each(d, func(i, n, _ int) { total[place(i, n)] += math.Exp(x.v[i]) })
	want, grad := zeros(d), zeros(d)
	each(d, func(i, n, _ int) {
		if want[i] = math.Exp(x.v[i]) / total[place(i, n)]; log {
			want[i] = math.Log(want[i])
		}
	})
	s, err := c.h.Softmax(d, log)
	if err != nil {
		c.t.Fatal(err)
	}
	y, dx := c.put(d, zeros(d)), c.put(d, zeros(d))
	c.check(s.Forward(x.ptr(), y.ptr()))
	have := c.get(y)
	c.compare("softmax", d.Type, have, want, ones(len(want), 4))
	each(d, func(i, n, _ int) {
		if log {
			dot[place(i, n)] += dy.v[i]
		} else {
			dot[place(i, n)] += dy.v[i] * have[i]
		}
	})
	each(d, func(i, n, _ int) {
		if log {
			grad[i] = dy.v[i] - math.Exp(have[i])*dot[place(i, n)]
		} else {
			grad[i] = have[i] * (dy.v[i] - dot[place(i, n)])
		}
	})
	c.check(s.Backward(y.ptr(), dy.ptr(), dx.ptr()))
	c.compare("softmax backward", d.Type, c.get(dx), grad, ones(len(grad), 8))
	c.check(s.Close())
}

// TestPooling compares the largest and the mean of windows, and their gradients.
func TestPooling(t *testing.T) {
	c := open(t)
	for _, typ := range []cudnn.DataType{f32, bf16} {
		c.what = typ.String()
		r := rand.New(rand.NewPCG(7, 8))
		for _, mode := range []cudnn.PoolMode{cudnn.AvgPool, cudnn.MaxPool} {
			pool := cudnn.PoolDesc{Mode: mode, Window: [2]int{2, 2}, Index: mode == cudnn.MaxPool}
			d, yd := cudnn.NHWC(2, 16, 4, 6, typ), cudnn.NHWC(2, 16, 2, 3, typ)
			x, dy := c.put(d, random(r, d.Elements())), c.put(yd, random(r, yd.Elements()))
			want, winner, grad := ones(len(dy.v), 0), make([]int, len(dy.v)), zeros(d)
			if mode == cudnn.MaxPool {
				want = ones(len(dy.v), math.Inf(-1))
			}
			out := func(i int) int { return (i/24*2+i%24/6/2)*3 + i%6/2 }
			for i, v := range x.v {
				if o := out(i); mode == cudnn.AvgPool {
					want[o] += v / 4
					grad[i] = dy.v[o] / 4
				} else if v > want[o] {
					want[o], winner[o] = v, i
				}
			}
			y, dx, index := c.put(yd, zeros(yd)), c.put(d, zeros(d)), c.put(cudnn.NHWC(2, 16, 2, 3, cudnn.I8), zeros(yd))
			args, back := []*tensor{x, y}, []*tensor{dy, dx}
			if mode == cudnn.MaxPool {
				for o, i := range winner {
					grad[i] = dy.v[o]
				}
				args, back = []*tensor{x, y, index}, []*tensor{dy, index, dx}
			}
			if c.run("pool", cudnn.PoolForwardGraph(d, yd, pool), nil, args...) {
				c.compare(mode.String(), typ, c.get(y), want, ones(len(want), 2))
				if c.run("pool backward", cudnn.PoolBackwardGraph(yd, d, pool), nil, back...) {
					c.compare(mode.String()+" backward", typ, c.get(dx), grad, ones(len(grad), 2))
				}
			}
		}
	}
}

// TestFused compares the fused graphs with their parts in float64.
func TestFused(t *testing.T) {
	c := open(t)
	c.what = "bf16"
	r := rand.New(rand.NewPCG(9, 10))
	d, wd := cudnn.NHWC(3, 16, 5, 4, bf16), cudnn.NHWC(16, 16, 3, 3, bf16)
	conv := cudnn.ConvDesc{Pad: [2]int{1, 1}}
	x, w, z := c.put(d, random(r, d.Elements())), c.put(wd, random(r, wd.Elements())), c.put(d, random(r, d.Elements()))
	convolve := func(x []float64) (y, scale []float64) {
		y, scale = zeros(d), zeros(d)
		taps(d.Dims, wd.Dims, d.Dims, conv, func(ix, iw, iy int64) {
			y[iy] += x[ix] * w.v[iw]
			scale[iy] += math.Abs(x[ix] * w.v[iw])
		})
		return y, scale
	}
	scale16, bias16 := c.put(cudnn.PerChannel(16, bf16), random(r, 16)), c.put(cudnn.PerChannel(16, bf16), random(r, 16))
	before := zeros(d)
	each(d, func(i, _, k int) { // the library rounds between the operations of a prologue, or does not
		before[i] = max(scale16.v[k]*x.v[i]+bias16.v[k], 0)
	})
	for _, prologue := range []bool{false, true} {
		in, args, slack := x.v, []*tensor{x, w}, 0.0
		if prologue {
			in, args, slack = before, []*tensor{x, scale16, bias16, w}, 3.0/256
		}
		want, scale := convolve(in)
		sum, squares, room := make([]float64, 16), make([]float64, 16), make([]float64, 16)
		each(d, func(i, _, k int) {
			scale[i] *= 1 + slack/4e-6
			sum[k] += want[i]
			squares[k] += want[i] * want[i]
			room[k] += scale[i] * (1 + 2*math.Abs(want[i]))
		})
		y, s, q := c.put(d, zeros(d)), c.vec(make([]float64, 16)), c.vec(make([]float64, 16))
		if c.run("statistics", cudnn.ConvStatsGraph(d, wd, d, conv, prologue), nil, append(args, y, s, q)...) {
			c.compare("y", bf16, c.get(y), want, scale)
			c.compare("sum", f32, c.get(s), sum, room)
			c.compare("squares", f32, c.get(q), squares, room)
		}
	}

	scale32, bias32, image := c.vec(random(r, 16)), c.vec(random(r, 16)), c.put(cudnn.PerImage(3, f32), random(r, 3))
	y0, room := convolve(x.v)
	for _, e := range []cudnn.EpilogueDesc{{Bias: true}, {Scale: true, Bias: true, ReLU: true}, {PerImage: true, Add: true}, {Scale: true, Bias: true, PerImage: true, Add: true, ReLU: true}} {
		args, want := []*tensor{x, w}, append([]float64(nil), y0...)
		step := func(on bool, t *tensor, f func(v float64, i, n, k int) float64) {
			if on {
				if t != nil {
					args = append(args, t)
				}
				each(d, func(i, n, k int) { want[i] = f(want[i], i, n, k) })
			}
		}
		step(e.Scale, scale32, func(v float64, _, _, k int) float64 { return v * scale32.v[k] })
		step(e.Bias, bias32, func(v float64, _, _, k int) float64 { return v + bias32.v[k] })
		step(e.PerImage, image, func(v float64, _, n, _ int) float64 { return v * image.v[n] })
		step(e.Add, z, func(v float64, i, _, _ int) float64 { return v + z.v[i] })
		step(e.ReLU, nil, func(v float64, _, _, _ int) float64 { return max(v, 0) })
		y := c.put(d, zeros(d))
		if c.run("epilogue", cudnn.ConvEpilogueGraph(d, wd, d, conv, e), nil, append(args, y)...) {
			c.compare("y", bf16, c.get(y), want, room)
		}
	}

	grad, gscale := zeros(d), zeros(d)
	taps(d.Dims, wd.Dims, d.Dims, conv, func(ix, iw, iy int64) {
		grad[ix] += z.v[iy] * w.v[iw]
		gscale[ix] += math.Abs(z.v[iy] * w.v[iw])
	})
	for i, v := range x.v {
		if v <= 0 {
			grad[i] = 0
		}
	}
	dx := c.put(d, zeros(d))
	if c.run("data, relu", cudnn.ConvBackwardDataReLUGraph(d, wd, d, d, conv), nil, z, w, x, dx) {
		c.compare("dx", bf16, c.get(dx), grad, gscale)
	}
}
