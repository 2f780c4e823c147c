package cudnn_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"shake/cudnn"
)

// taps calls f for every product of a convolution: y[iy] += x[ix]*w[iw], with indices in the dense
// order of the dimensions.
func taps(x, w, y []int64, c cudnn.ConvDesc, f func(ix, iw, iy int64)) {
	groups, stride, dilation := int64(max(c.Groups, 1)), [2]int64{}, [2]int64{}
	for i := range 2 {
		stride[i], dilation[i] = int64(max(c.Stride[i], 1)), int64(max(c.Dilation[i], 1))
	}
	kg := w[0] / groups
	for n := range y[0] {
		for k := range y[1] {
			for p := range y[2] {
				for q := range y[3] {
					for cc := range w[1] {
						for r := range w[2] {
							for s := range w[3] {
								h, v := p*stride[0]+r*dilation[0]-int64(c.Pad[0]), q*stride[1]+s*dilation[1]-int64(c.Pad[1])
								if h >= 0 && h < x[2] && v >= 0 && v < x[3] {
									f(((n*x[1]+k/kg*w[1]+cc)*x[2]+h)*x[3]+v, ((k*w[1]+cc)*w[2]+r)*w[3]+s, ((n*y[1]+k)*y[2]+p)*y[3]+q)
								}
							}
						}
					}
				}
			}
		}
	}
}

// convCases are convolutions small enough for the emulator: odd sizes, one image, one row, three
// channels, groups, strides, dilations, paddings.
var convCases = []struct {
	name       string
	n, c, h, w int
	k, r, s    int
	conv       cudnn.ConvDesc
}{
	{"3x3", 2, 16, 6, 5, 24, 3, 3, cudnn.ConvDesc{Pad: [2]int{1, 1}}},
	{"1x1", 3, 8, 4, 4, 16, 1, 1, cudnn.ConvDesc{}},
	{"stride 2", 2, 8, 7, 8, 16, 3, 3, cudnn.ConvDesc{Pad: [2]int{1, 1}, Stride: [2]int{2, 2}}},
	{"1x1 stride 2", 1, 8, 5, 5, 8, 1, 1, cudnn.ConvDesc{Stride: [2]int{2, 2}}},
	{"groups", 2, 32, 4, 4, 32, 3, 3, cudnn.ConvDesc{Pad: [2]int{1, 1}, Groups: 4}},
	{"one row", 1, 8, 1, 9, 8, 1, 3, cudnn.ConvDesc{Pad: [2]int{0, 1}}},
	{"three channels", 2, 3, 8, 8, 16, 3, 3, cudnn.ConvDesc{Pad: [2]int{1, 1}}},
	{"dilated", 1, 8, 9, 9, 8, 3, 3, cudnn.ConvDesc{Pad: [2]int{2, 1}, Dilation: [2]int{2, 3}}},
	{"asymmetric", 2, 8, 6, 6, 8, 3, 3, cudnn.ConvDesc{Pad: [2]int{1, 0}, PadEnd: &[2]int{0, 1}}},
}

// TestConvolutions compares every case in every direction, type and layout with float64.
func TestConvolutions(t *testing.T) {
	c := open(t)
	ran := map[string]int{}
	for _, cc := range convCases {
		for _, typ := range []cudnn.DataType{cudnn.F32, cudnn.F16, cudnn.BF16} {
			for _, layout := range []string{"nhwc", "nchw", "slice"} {
				// A subtest would run on another thread, so the cases are a loop.
				func() {
					c.what = fmt.Sprintf("%s/%v/%s", cc.name, typ, layout)
					desc := func(n, ch, h, w int) cudnn.TensorDesc {
						switch layout {
						case "nchw":
							return cudnn.NCHW(n, ch, h, w, typ)
						case "slice":
							d, _, err := cudnn.NHWC(n, ch+16, h, w, typ).Channels(8, ch)
							if err != nil {
								t.Fatal(err)
							}
							return d
						}
						return cudnn.NHWC(n, ch, h, w, typ)
					}
					filter := cudnn.NHWC(cc.k, cc.c/max(cc.conv.Groups, 1), cc.r, cc.s, typ)
					if layout == "nchw" {
						filter = cudnn.NCHW(cc.k, cc.c/max(cc.conv.Groups, 1), cc.r, cc.s, typ)
					}
					xd := desc(cc.n, cc.c, cc.h, cc.w)
					dims, err := cc.conv.OutputDims(xd.Dims, filter.Dims)
					if err != nil {
						t.Fatal(err)
					}
					yd := desc(int(dims[0]), int(dims[1]), int(dims[2]), int(dims[3]))
					r := rand.New(rand.NewPCG(1, uint64(len(cc.name))))
					x, w, dy := c.put(xd, random(r, xd.Elements())), c.put(filter, random(r, filter.Elements())), c.put(yd, random(r, yd.Elements()))

					var want, scale [3][]float64
					for i, n := range []int64{yd.Elements(), xd.Elements(), filter.Elements()} {
						want[i], scale[i] = make([]float64, n), make([]float64, n)
					}
					add := func(i int, at int64, v float64) { want[i][at] += v; scale[i][at] += math.Abs(v) }
					taps(xd.Dims, filter.Dims, yd.Dims, cc.conv, func(ix, iw, iy int64) {
						add(0, iy, x.v[ix]*w.v[iw])
						add(1, ix, dy.v[iy]*w.v[iw])
						add(2, iw, dy.v[iy]*x.v[ix])
					})
					y, dx, dw := c.put(yd, make([]float64, yd.Elements())), c.put(xd, make([]float64, xd.Elements())), c.put(filter, make([]float64, filter.Elements()))
					if c.run("forward", cudnn.ConvForwardGraph(xd, filter, yd, cc.conv), nil, x, w, y) {
						c.compare("y", typ, c.get(y), want[0], scale[0])
						ran["forward"]++
					}
					if c.run("data", cudnn.ConvBackwardDataGraph(yd, filter, xd, cc.conv), nil, dy, w, dx) {
						c.compare("dx", typ, c.get(dx), want[1], scale[1])
						ran["data"]++
					}
					if c.run("filter", cudnn.ConvBackwardFilterGraph(xd, yd, filter, cc.conv), nil, x, dy, dw) {
						c.compare("dw", typ, c.get(dw), want[2], scale[2])
						ran["filter"]++
					}
				}()
			}
		}
	}
	t.Logf("ran %v of %d each", ran, len(convCases)*9)
	for _, direction := range []string{"forward", "data", "filter"} {
		if ran[direction] < len(convCases)*5 {
			t.Errorf("%s: only %d of %d cases are supported", direction, ran[direction], len(convCases)*9)
		}
	}
}
