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

// TestBlending scales and accumulates in every direction, and gathers weight gradients of 16-bit
// tensors in F32.
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
				for i := range room { // the loss by rounding to 16 bits
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
