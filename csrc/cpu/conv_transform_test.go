package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// winogradSpec is a random convolution that goes through Winograd's transforms, with stride 1 or 2;
// some have other kernels beside it.
func winogradSpec(r *rand.Rand) ConvSpec {
	pick := func(of ...int) int { return of[r.IntN(len(of))] }
	s := ConvSpec{N: 1 + r.IntN(5), XC: 1 + r.IntN(50), H: 1 + r.IntN(14), W: pick(1, 2, 4, 5, 7, 8, 13, 16), Stride: pick(1, 2), transform: true}
	s.P, s.Q = (s.H+s.Stride-1)/s.Stride, (s.W+s.Stride-1)/s.Stride
	off := 0
	for i := range 1 + r.IntN(3) {
		p := ConvPart{WOff: off, YOff: s.YC, Groups: pick(1, 1, 2, 3), R: 3, S: 3, PadH: 1, PadW: 1}
		p.C = p.Groups * (1 + r.IntN(max(1, s.XC/p.Groups)))
		p.K = p.Groups * pick(3, 8, 16, 20, 32)
		if p.C > s.XC {
			p.C, p.Groups = s.XC, 1
		}
		if i > 0 && r.IntN(3) == 0 { // a flow, or a kernel that wants a wider border
			p.R = pick(1, 5)
			p.S, p.PadH = p.R, p.R/2+r.IntN(2)*(p.R%4)
			p.PadW = p.PadH
		}
		p.XOff = r.IntN(s.XC - p.C + 1)
		off += p.K * p.C / p.Groups * p.R * p.S
		s.YC += p.K
		if i == 0 {
			// Blocks of its own, so that nothing keeps it from the transforms.
			s.YC = (s.YC + lanes - 1) / lanes * lanes
			p.K = s.YC
			p.C, p.Groups, p.XOff = s.XC, 1, 0
			off = p.K * p.C * 9
		}
		s.Parts = append(s.Parts, p)
	}
	return s
}

// strassenSpec is a random convolution that goes through Strassen's matrix product: 1x1 kernels
// of one part or several, which may share their inputs.
func strassenSpec(r *rand.Rand) ConvSpec {
	s := ConvSpec{N: 1 + r.IntN(5), H: 1 + r.IntN(14), W: 1 + r.IntN(9), Stride: 1 + r.IntN(3), transform: true}
	s.P, s.Q = (s.H+s.Stride-1)/s.Stride, (s.W+s.Stride-1)/s.Stride
	if s.P%2 == 1 {
		s.H, s.P = s.H+s.Stride, s.P+1
	}
	channels := func() int { return 2 * lanes * (1 + r.IntN(2)) } // an even number of whole blocks
	s.XC = channels()
	shared := r.IntN(2) == 0
	off := 0
	for i := range 1 + r.IntN(3) {
		p := ConvPart{WOff: off, YOff: s.YC, C: s.XC, K: channels(), Groups: 1, R: 1, S: 1}
		if i > 0 && !shared {
			p.XOff, p.C = s.XC, channels()
			s.XC += p.C
		}
		off += p.K * p.C
		s.YC += p.K
		s.Parts = append(s.Parts, p)
	}
	return s
}

// Every geometry that Winograd's algorithms take, alone and beside direct kernels, against the
// reference.
func TestWinograd(t *testing.T) { testTransform(t, 0, winogradSpec) }

// Every geometry that Strassen's takes.
func TestStrassen(t *testing.T) { testTransform(t, 24, strassenSpec) }

func testTransform(t *testing.T, seed0 uint64, specOf func(*rand.Rand) ConvSpec) {
	count := uint64(24)
	if testing.Short() {
		count = 8
	}
	everyISA(t, func(t *testing.T) {
		for seed := seed0; seed < seed0+count; seed++ {
			r := rand.New(rand.NewPCG(seed, 0))
			spec := specOf(r)
			p := NewPool(1)
			c, err := NewConv(p, spec)
			if err != nil {
				t.Fatal(err)
			}
			if !c.transformed() {
				t.Fatalf("spec %+v is direct", spec)
			}
			p.Close()
			testConv(t, spec, 1+r.IntN(spec.N), seed)
		}
	})
}

// TestManySums: dx read through a dozen norms.
func TestManySums(t *testing.T) {
	everyISA(t, func(t *testing.T) {
		spec := ConvSpec{N: 2, XC: 32, H: 8, W: 8, YC: 32, P: 8, Q: 8, Stride: 1, transform: true,
			Parts: []ConvPart{{C: 32, K: 32, Groups: 1, R: 3, S: 3, PadH: 1, PadW: 1}}}
		c := newConvCase(t, spec, 2, 1, 1)
		c.dx = &ConvDX{G: c.tensor(spec.XC)}
		one := c.sums(c.dx.G, c.dx.Off, spec.XC)
		c.sumsOf = nil
		for range 12 {
			s := one
			s.Of.Norm = c.norm(spec.XC)
			s.Of.NormOff, s.Norm = 0, s.Of.Norm
			c.sumsOf = append(c.sumsOf, s)
		}
		c.run()
		c.checkFused()
	})
}

// errorGate bounds the error of transformed convolutions, as a multiple of that of direct ones. The
// transforms multiply rounding errors: Winograd's, with the points of conv_winograd_maps_kernel.h,
// by 1.5 to 2.9 at the sizes of real networks, its strided ones by 0.9 to 1.6, Strassen's by 1.3 to
// 1.9.
const errorGate = 4

// The relative rms error against float64 on the operands of real networks: activations behind a
// ReLU, weights as they are drawn, normal gradients.
func TestTransformError(t *testing.T) {
	if testing.Short() {
		t.Skip("convolutions of real size in float64")
	}
	for _, s := range []ConvSpec{
		square(16, 32, 1, part(16, 64, 1, 3)),
		square(32, 32, 1, part(32, 64, 1, 3)),
		square(64, 16, 1, part(64, 128, 1, 3)),
		square(128, 8, 1, part(128, 256, 1, 3)),
		square(256, 8, 1, part(256, 256, 4, 3)),
		square(96, 9, 1, part(96, 96, 1, 3)),
		square(32, 32, 2, part(32, 64, 1, 3)),
		square(128, 16, 2, part(128, 256, 2, 3)),
		square(64, 16, 1, part(64, 256, 1, 1)),
		square(256, 8, 1, part(256, 256, 1, 1)),
	} {
		s.N = 2
		name := fmt.Sprintf("C%dH%dK%dR%dG%dS%d", s.XC, s.H, s.YC, s.Parts[0].R, s.Parts[0].Groups, s.Stride)
		want := convolve(s)
		everyISA(t, func(t *testing.T) {
			s.Direct, s.transform = true, false
			direct := convError(t, s, want)
			s.Direct, s.transform = false, true
			transformed := convError(t, s, want)
			for i, what := range []string{"y", "dx", "dw"} {
				t.Logf("%-18s %-2s  direct %.1e  transformed %.1e  %.1fx", name, what, direct[i], transformed[i], transformed[i]/direct[i])
				if !(transformed[i] <= errorGate*direct[i]) {
					t.Errorf("%s: %s: error %.1e, want at most %d times that of direct, %.1e", name, what, transformed[i], errorGate, direct[i])
				}
			}
		})
	}
}

// convData are the operands of a convolution and its results in float64, image after image in C×H×W
// order.
type convData struct {
	x, dy, w  []float32
	y, dx, dw []float64
}

func convolve(s ConvSpec) *convData {
	r := rand.New(rand.NewPCG(1, 1))
	in, out, weights := s.XC*s.H*s.W, s.YC*s.P*s.Q, s.Parts[0].weights()
	normal := func(n int, scale float64, relu bool) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64() * scale)
			if relu {
				v[i] = max(v[i], 0)
			}
		}
		return v
	}
	d := &convData{x: normal(s.N*in, 1, true), dy: normal(s.N*out, 1, false), w: normal(weights, math.Sqrt(2/float64(weights/s.YC)), false)}
	d.y, d.dx, d.dw = make([]float64, s.N*out), make([]float64, s.N*in), make([]float64, weights)
	for n := range s.N {
		x, dy, y, dx := d.x[n*in:], d.dy[n*out:], d.y[n*out:], d.dx[n*in:]
		s.eachProduct(func(iy, ix, iw int) {
			w := float64(d.w[iw])
			y[iy] += float64(x[ix]) * w
			dx[ix] += float64(dy[iy]) * w
			d.dw[iw] += float64(x[ix]) * float64(dy[iy])
		})
	}
	return d
}

// convError returns the relative rms errors of y, dx and dw.
func convError(t *testing.T, s ConvSpec, d *convData) (e [3]float64) {
	t.Helper()
	p := NewPool(2)
	defer p.Close()
	in, out := s.XC*s.H*s.W, s.YC*s.P*s.Q
	xf, yf := TensorFloats(s.N, s.XC, s.H, s.W), TensorFloats(s.N, s.YC, s.P, s.Q)
	a, err := NewArena(2*xf + 2*yf)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	x, dx := a.Tensor(0, s.N, s.XC, s.H, s.W), a.Tensor(xf, s.N, s.XC, s.H, s.W)
	y, dy := a.Tensor(2*xf, s.N, s.YC, s.P, s.Q), a.Tensor(2*xf+yf, s.N, s.YC, s.P, s.Q)
	for n := range s.N {
		x.Set(n, d.x[n*in:(n+1)*in])
		dy.Set(n, d.dy[n*out:(n+1)*out])
	}
	c, err := NewConv(p, s)
	if err != nil {
		t.Fatal(err)
	}
	b := NewBatch(p, s.N, 1)
	b.Set(s.N)
	dw := make([]float32, len(d.w))
	c.Pack(d.w)
	c.ForwardOp(View{T: x, C: s.XC}, y, nil).Run(b)
	c.BackwardOp(View{T: x, C: s.XC}, []Grad{{G: dy, C: s.YC}}, &ConvDX{G: dx}, nil).Run(b, dw)
	var haveY, haveDX []float32
	for n := range s.N {
		haveY, haveDX = append(haveY, y.Get(n)...), append(haveDX, dx.Get(n)...)
	}
	return [3]float64{relativeRMS(haveY, d.y), relativeRMS(haveDX, d.dx), relativeRMS(dw, d.dw)}
}

func relativeRMS(have []float32, want []float64) float64 {
	var e, size float64
	for i, w := range want {
		e += (float64(have[i]) - w) * (float64(have[i]) - w)
		size += w * w
	}
	return math.Sqrt(e / size)
}
