package cpu

import (
	"fmt"
	"math"
	"unsafe"
)

type normArrays struct{ mean, invstd, scale, shift, dxG, dxX, dx1, partial []float32 }

// arrays are the coefficients of a norm, [replica][blocks*16], and its partial sums.
func (m *Norm) arrays() normArrays {
	n := m.spec.Replicas * blocks(m.spec.C) * 16
	of := func(p unsafe.Pointer, n int) []float32 { return unsafe.Slice((*float32)(p), n) }
	return normArrays{of(unsafe.Pointer(m.c.mean), n), of(unsafe.Pointer(m.c.invstd), n), of(unsafe.Pointer(m.c.scale), n),
		of(unsafe.Pointer(m.c.shift), n), of(unsafe.Pointer(m.c.dx_g), n), of(unsafe.Pointer(m.c.dx_x), n), of(unsafe.Pointer(m.c.dx_1), n),
		of(unsafe.Pointer(m.c.partial), 2*m.spec.MaxN*blocks(m.spec.C)*16)}
}

// part returns image n's partial sums of channel c.
func (m *Norm) part(n, c int) (first, second float64) {
	w := blocks(m.spec.C) * 16
	p := m.arrays().partial[2*n*w:]
	return float64(p[c]), float64(p[w+c])
}

func (m *Norm) at(b *Batch, a []float32, n, c int) float64 {
	return float64(a[int(b.replica[n])*blocks(m.spec.C)*16+c])
}

// at is one stored value.
func (t *Tensor) at(n, c, p int) float64 { return float64(t.image(n)[(c/16*t.H*t.W+p)*16+c%16]) }

func relu(on bool, v float64) float64 {
	if on {
		return max(v, 0)
	}
	return v
}

// before is a view's value in front of its ReLU.
func (v View) before(b *Batch, n, c, p int) float64 {
	x := v.T.at(n, v.Off+c, p)
	if v.Norm != nil {
		k := v.Norm.arrays()
		x = x*v.Norm.at(b, k.scale, n, v.NormOff+c) + v.Norm.at(b, k.shift, n, v.NormOff+c)
	}
	return x
}

func (v View) at(b *Batch, n, c, p int) float64 { return relu(v.ReLU, v.before(b, n, c, p)) }

// masked is g'.
func (g Grad) masked(b *Batch, n, c, p int) float64 {
	d := g.G.at(n, g.GOff+c, p)
	if g.Beta != nil {
		d *= float64(g.Beta[n])
	}
	if g.Mask != nil && g.Mask.at(n, g.MaskOff+c, p) <= 0 {
		return 0
	}
	if g.ReLU && (View{T: g.Y, Off: g.YOff, C: g.C, Norm: g.Norm, NormOff: g.NormOff}).before(b, n, c, p) <= 0 {
		return 0
	}
	return d
}

func (g Grad) at(b *Batch, n, c, p int) float64 {
	d := g.masked(b, n, c, p)
	if g.Norm == nil {
		return d
	}
	k, at := g.Norm.arrays(), g.NormOff+c
	return g.Norm.at(b, k.dxG, n, at)*d + g.Norm.at(b, k.dxX, n, at)*g.Y.at(n, g.YOff+c, p) + g.Norm.at(b, k.dx1, n, at)
}

// near compares one number: float32 rounding of a few operations on values of size.
func (f *fixture) near(have, want, size float64, format string, args ...any) {
	if math.Abs(have-want) > 3e-6*size || math.IsNaN(have) != math.IsNaN(want) {
		f.Helper()
		f.Fatalf("%s: have %g, want %g", fmt.Sprintf(format, args...), have, want)
	}
}

// nearTensor compares channels off .. off+c-1 of every image of the batch, and wants images beyond
// it as they were in before.
func (f *fixture) nearTensor(t *Tensor, off, c int, before [][]float32, want func(n, c, p int) float64) {
	f.Helper()
	for n := range t.N {
		for i := range t.C {
			for p := range t.H * t.W {
				w := float64(before[n][i*t.H*t.W+p])
				if n < f.n && i >= off && i < off+c {
					w = want(n, i-off, p)
				}
				f.near(t.at(n, i, p), w, 1+4*math.Abs(w), "image %d channel %d position %d", n, i, p)
			}
		}
	}
}

// all returns every image of a tensor.
func all(t *Tensor) [][]float32 {
	v := make([][]float32, t.N)
	for i := range v {
		v[i] = t.Get(i)
	}
	return v
}

// nearSums compares a norm's partial sums with sums of first and second over positions.
func (f *fixture) nearSums(m *Norm, off, c int, first, second func(n, c, p int) float64) {
	f.Helper()
	for n := range f.n {
		for i := range c {
			var s1, s2, size1, size2 float64
			for p := range f.h * f.w {
				a, b := first(n, i, p), second(n, i, p)
				s1, s2, size1, size2 = s1+a, s2+b, size1+math.Abs(a), size2+math.Abs(b)
			}
			have1, have2 := m.part(n, off+i)
			f.near(have1, s1, 1e-3+size1, "image %d channel %d: first sum", n, i)
			f.near(have2, s2, 1e-3+4*size2, "image %d channel %d: second sum", n, i)
		}
	}
}

// arenaOf is NewArena where a lack of memory may end the tests.
func arenaOf(floats int64) *Arena {
	a, err := NewArena(floats)
	if err != nil {
		panic(err)
	}
	return a
}
