package cudnn_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"shake/cudnn"
)

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
	// Rounding between the operations of a prologue is up to the library
	each(d, func(i, _, k int) {
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
