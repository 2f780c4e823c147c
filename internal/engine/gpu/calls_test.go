package gpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"shake/internal/engine"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// window is one convolution of the test: graph.Conv's formula, over one image of xc channels a
// pixel.
type window struct {
	w                          []float64
	xoff, yoff, k, cin, groups int
	r, s, padH, padW, stride   int
}

// at is output channel k of pixel i, j, or 0 if the convolution does not write it.
func (c window) at(x []float64, h, w, xc, k, i, j int) float64 {
	if k -= c.yoff; k < 0 || k >= c.k {
		return 0
	}
	sum := 0.0
	for a := range c.r {
		for b := range c.s {
			ih, iw := i*c.stride+a-c.padH, j*c.stride+b-c.padW
			if ih < 0 || ih >= h || iw < 0 || iw >= w {
				continue
			}
			for ch := range c.cin {
				sum += x[(ih*w+iw)*xc+c.xoff+k/(c.k/c.groups)*c.cin+ch] * c.w[((k*c.r+a)*c.s+b)*c.cin+ch]
			}
		}
	}
	return sum
}

// The calls of every merged convolution compute the same as its parts, with filters read in place
// or packed.
func TestCallsCompute(t *testing.T) {
	eachList(t, func(t *testing.T, l *List) {
		rnd := rand.New(rand.NewPCG(1, 2))
		flat := make([]float64, l.Params.Floats)
		for i := range flat {
			flat[i] = rnd.NormFloat64()
		}
		packed := make([]float64, l.Params.Packed)
		for i, from := range l.Params.From {
			if from >= 0 {
				packed[i] = flat[from]
			}
		}
		byY := map[engine.BufID][]Call{}
		for _, o := range l.Ops {
			if c, ok := o.(*Conv); ok {
				byY[c.Y.Buf] = append(byY[c.Y.Buf], c.Call)
			}
		}
		for _, s := range l.Plan.Forward {
			step, ok := s.(*engine.ConvStep)
			if !ok {
				continue
			}
			checkCalls(t, l, step.Op, byY[step.Y], flat, packed, rnd)
		}
	})
}

func checkCalls(t *testing.T, l *List, op *graph.Conv, cs []Call, flat, packed []float64, rnd *rand.Rand) {
	t.Helper()
	xv, yv := l.Plan.Graph.Values[op.X.Value], l.Plan.Graph.Values[op.Y]
	xc := round(op.X.C)
	x := make([]float64, xv.H*xv.W*xc)
	for i := range x {
		x[i] = rnd.NormFloat64()
	}
	var want, have []window
	for _, p := range op.Parts {
		want = append(want, window{flat[l.Params.Offset[p.W]:], p.XOff, p.YOff, p.K, p.C / p.Groups, p.Groups, p.R, p.S, p.PadH, p.PadW, op.Stride})
	}
	for _, c := range cs {
		if (xv.H+2*c.PadH-c.R)/c.Stride+1 != yv.H || (xv.W+2*c.PadW-c.S)/c.Stride+1 != yv.W {
			t.Errorf("%s: %s makes no %dx%d of %dx%d", yv.Name, c, yv.H, yv.W, xv.H, xv.W)
		}
		weights := flat
		if c.Filter.Packed {
			weights = packed
		}
		have = append(have, window{weights[c.Filter.Offset:], c.XOff, c.YOff, c.K, c.C / c.Groups, c.Groups, c.R, c.S, c.PadH, c.PadW, c.Stride})
	}
	for k := range round(yv.C) {
		for _, at := range [][2]int{{0, 0}, {yv.H - 1, yv.W - 1}, {rnd.IntN(yv.H), rnd.IntN(yv.W)}} {
			a, b := 0.0, 0.0
			for _, c := range want {
				a += c.at(x, xv.H, xv.W, xc, k, at[0], at[1])
			}
			for _, c := range have {
				b += c.at(x, xv.H, xv.W, xc, k, at[0], at[1])
			}
			if math.Abs(a-b) > 1e-9 {
				t.Fatalf("%s: channel %d of pixel %v is %v, want %v; calls %v", yv.Name, k, at, b, a, cs)
			}
		}
	}
}

// Every float of a loose parameter has one place in the packed filters, and that place names the
// float.
func TestPacking(t *testing.T) {
	eachList(t, func(t *testing.T, l *List) {
		p := l.Params
		used := 0
		for i, to := range p.To {
			if to >= 0 {
				used++
				if p.From[to] != int32(i) {
					t.Fatalf("float %d goes to %d, which comes from %d", i, to, p.From[to])
				}
			}
		}
		want := 0
		for id, prm := range l.Plan.Graph.Params {
			if p.Offset[id] < p.Loose {
				want += int(prm.Elements())
			}
		}
		if used != want {
			t.Errorf("%d of %d loose floats are packed", used, want)
		}
	})
}

// A convolution with groups is the sum of its slices.
func TestSlicesCompute(t *testing.T) {
	l := list(t, graphtest.Spec("resnext", 16, 1), 0, 4, 2)
	rnd := rand.New(rand.NewPCG(5, 6))
	flat := make([]float64, l.Params.Floats)
	for i := range flat {
		flat[i] = rnd.NormFloat64()
	}
	tried := 0
	for _, o := range l.Ops {
		c, ok := o.(*Conv)
		if !ok || c.Call.Groups == 1 {
			continue
		}
		tried++
		pieces := slicesOf(c)
		if len(pieces) != c.Call.Groups {
			t.Fatalf("%d slices of %s", len(pieces), c.Call)
		}
		b := l.Plan.Buffers[c.X.Buf]
		pitch := round(b.C)
		x := make([]float64, b.H*b.W*pitch)
		for i := range x {
			x[i] = rnd.NormFloat64()
		}
		win := func(c *Conv) window {
			k := c.Call
			return window{flat[k.Filter.Offset:], c.X.Off, c.Y.Off, k.K, k.C / k.Groups, k.Groups, k.R, k.S, k.PadH, k.PadW, k.Stride}
		}
		for k := range c.Y.C {
			want, have := win(c).at(x, b.H, b.W, pitch, c.Y.Off+k, 1, 1), 0.0
			for _, p := range pieces {
				have += win(p.(*Conv)).at(x, b.H, b.W, pitch, c.Y.Off+k, 1, 1)
			}
			if math.Abs(have-want) > 1e-9 {
				t.Fatalf("%s: channel %d is %v in slices, want %v", c.Call, k, have, want)
			}
		}
	}
	if tried == 0 {
		t.Error("no convolution with groups")
	}
}
