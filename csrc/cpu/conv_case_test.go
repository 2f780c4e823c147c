package cpu

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"unsafe"
)

// convCase is a convolution with everything around it that can be fused, on random data.
type convCase struct {
	*fixture
	spec   ConvSpec
	params []float32
	x      View
	y      *Tensor
	stats  []Stats
	dy     []Grad
	dx     *ConvDX
	sumsOf []Sums
	before []float32 // the arena as the run finds it
}

// newConvCase gives a spec the operands that follow from seed, the same for any number of workers.
func newConvCase(t *testing.T, spec ConvSpec, n, workers int, seed uint64) *convCase {
	f := newFixture(t, seed, workers)
	f.a.Close()
	f.n, f.maxN, f.off, f.tensors = n, spec.N, 0, nil
	side := TensorFloats(spec.N, spec.XC+16, spec.H, spec.W) + TensorFloats(spec.N, spec.YC+64, spec.P, spec.Q)
	f.a = arenaOf(16*side + 64*guard)
	f.guard()
	f.b = NewBatch(f.p, spec.N, f.replicas)
	f.b.Set(n)
	c := &convCase{fixture: f, spec: spec}
	flip := func() bool { return f.IntN(2) == 0 }
	floats := 0
	for _, t := range spec.Parts {
		floats = max(floats, t.WOff+t.K*t.C/t.Groups*t.R*t.S)
	}
	c.params = make([]float32, floats)
	for i := range c.params {
		c.params[i] = float32(f.NormFloat64())
	}
	f.h, f.w = spec.P, spec.Q
	c.y = f.tensor(spec.YC)
	if flip() {
		c.stats = []Stats{{Norm: f.norm(spec.YC)}}
	}
	for left := spec.YC; left > 0; left -= c.dy[len(c.dy)-1].C {
		ch := left
		if flip() {
			ch = min(left, lanes*(1+f.IntN(3)))
		}
		c.dy = append(c.dy, f.grad(ch))
	}
	f.h, f.w = spec.H, spec.W
	c.x = f.view(spec.XC)
	if f.IntN(4) > 0 {
		off := lanes * f.IntN(2)
		c.dx = &ConvDX{Off: off, G: f.tensor(off + spec.XC), ReLU: c.x.Norm == nil && flip(), Accumulate: flip()}
		if flip() {
			g := f.grad(spec.XC)
			if flip() {
				g.G, g.GOff = c.dx.G, off
			}
			c.dx.Residual = &g
		}
		if flip() {
			c.sumsOf = []Sums{f.sums(c.dx.G, off, spec.XC)}
		}
	}
	c.before = slices.Clone(f.a.Floats(0, f.off))
	return c
}

const unwritten = 12345

// run returns dw; everything else is in the arena and the norms.
func (c *convCase) run() []float32 {
	conv, err := NewConv(c.p, c.spec)
	if err != nil {
		c.Fatal(err)
	}
	conv.Pack(c.params)
	conv.ForwardOp(c.x, c.y, c.stats).Run(c.b)
	dw := slices.Repeat([]float32{unwritten}, len(c.params))
	conv.BackwardOp(c.x, c.dy, c.dx, c.sumsOf).Run(c.b, dw)
	return dw
}

// closeTo holds have against want within 1e-5 of the largest value: sums of some thousand float32
// products in any order.
func (c *convCase) closeTo(what string, have, want []float64) {
	c.Helper()
	scale := 0.0
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	for i, w := range want {
		if d := math.Abs(have[i] - w); !(d <= 1e-5*scale+1e-30) {
			c.Fatalf("%s[%d]: have %g, want %g (scale %g)", what, i, have[i], w, scale)
		}
	}
}

// values collects channels ch of h×w positions.
func values(ch, hw int, at func(c, p int) float64) []float64 {
	v := make([]float64, 0, ch*hw)
	for c := range ch {
		for p := range hw {
			v = append(v, at(c, p))
		}
	}
	return v
}

func (c *convCase) checkAgainstReference(dw []float32) {
	s, arena := &c.spec, c.a.Floats(0, c.off)
	after := slices.Clone(arena)
	wantDW, inHW, outHW := make([]float64, len(dw)), s.H*s.W, s.P*s.Q
	for n := range c.n {
		y := values(s.YC, outHW, func(k, p int) float64 { return c.y.at(n, k, p) })
		var haveDX []float64
		if c.dx != nil {
			haveDX = values(s.XC, inHW, func(ch, p int) float64 { return c.dx.G.at(n, c.dx.Off+ch, p) })
		}
		copy(arena, c.before) // gradients may read floats that the run overwrites
		x := values(s.XC, inHW, func(ch, p int) float64 { return c.x.at(c.b, n, ch, p) })
		var dy []float64
		for _, g := range c.dy {
			dy = append(dy, values(g.C, outHW, func(k, p int) float64 { return g.at(c.b, n, k, p) })...)
		}
		wantY, dx := make([]float64, len(y)), make([]float64, len(x))
		s.eachProduct(func(iy, ix, iw int) {
			w := float64(c.params[iw])
			wantY[iy] += x[ix] * w
			dx[ix] += dy[iy] * w
			wantDW[iw] += x[ix] * dy[iy]
		})
		c.closeTo(fmt.Sprintf("y of image %d", n), y, wantY)
		if c.dx != nil {
			c.closeTo(fmt.Sprintf("dx of image %d", n), haveDX, values(s.XC, inHW, func(ch, p int) float64 {
				d := dx[ch*inHW+p]
				if c.dx.ReLU && !(c.x.T.at(n, c.x.Off+ch, p) > 0) {
					d = 0
				}
				if c.dx.Accumulate {
					d += c.dx.G.at(n, c.dx.Off+ch, p)
				}
				if c.dx.Residual != nil {
					d += c.dx.Residual.at(c.b, n, ch, p)
				}
				return d
			}))
		}
		copy(arena, after)
	}
	written := make([]bool, len(dw))
	for _, p := range s.Parts {
		for i := range p.K * p.C / p.Groups * p.R * p.S {
			written[p.WOff+i] = true
		}
	}
	haveDW := make([]float64, len(dw))
	for i, v := range dw {
		haveDW[i] = float64(v)
		if !written[i] && v != unwritten {
			c.Fatalf("dw[%d] belongs to no part and was written", i)
		}
		if !written[i] {
			haveDW[i] = 0
		}
	}
	c.closeTo("dw", haveDW, wantDW)
}

// checkUntouched: only y and dx are written, and of those only the batch's images.
func (c *convCase) checkUntouched() {
	arena := c.a.Floats(0, c.off)
	may := make([]bool, len(arena))
	allow := func(x *Tensor, off, ch int) {
		base := int((uintptr(unsafe.Pointer(x.c.data)) - uintptr(c.a.base)) / 4)
		for n := range c.n {
			lo := base + n*int(x.c.image_pitch) + off*x.H*x.W
			for i := range blocks(ch) * x.H * x.W * lanes {
				may[lo+i] = true
			}
		}
	}
	allow(c.y, 0, c.spec.YC)
	if c.dx != nil {
		allow(c.dx.G, c.dx.Off, c.spec.XC)
	}
	for i := range arena {
		if !may[i] && arena[i] != c.before[i] {
			c.Fatalf("float %d of the arena was %g and is %g", i, c.before[i], arena[i])
		}
	}
}

// checkFused: statistics and sums are those of the standalone operations, bit by bit.
func (c *convCase) checkFused() {
	for _, s := range c.stats {
		part := s.Norm.arrays().partial
		fused := slices.Clone(part)
		op, err := NewStats(c.p, c.y, c.stats)
		if err != nil {
			c.Fatal(err)
		}
		op.Run(c.b)
		if !slices.Equal(fused, part) {
			c.Fatal("statistics differ from those of the standalone operation")
		}
	}
	for _, s := range c.sumsOf {
		part := s.Norm.arrays().partial
		fused := slices.Clone(part)
		op, err := NewSums(c.p, c.sumsOf)
		if err != nil {
			c.Fatal(err)
		}
		op.Run(c.b)
		if !slices.Equal(fused, part) {
			c.Fatal("sums differ from those of the standalone operation")
		}
	}
}

// eachProduct calls f for every pair of positions (in C×H×W order) that a weight connects: the
// convolution in plain loops.
func (s *ConvSpec) eachProduct(f func(y, x, w int)) {
	for _, t := range s.Parts {
		cg, kg := t.C/t.Groups, t.K/t.Groups
		for w := range t.K * cg * t.R * t.S {
			k, c, r, q := w/(cg*t.R*t.S), w/(t.R*t.S)%cg, w/t.S%t.R, w%t.S
			for p := range s.P * s.Q {
				i, j := p/s.Q*s.Stride+r-t.PadH, p%s.Q*s.Stride+q-t.PadW
				if i >= 0 && i < s.H && j >= 0 && j < s.W {
					f((t.YOff+k)*s.P*s.Q+p, ((t.XOff+k/kg*cg+c)*s.H+i)*s.W+j, t.WOff+w)
				}
			}
		}
	}
}
