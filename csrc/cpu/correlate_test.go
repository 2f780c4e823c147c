package cpu

import (
	"math"
	"testing"
)

// TestCorrelate compares the moments of every image with those in float64, in two passes.
func TestCorrelate(t *testing.T) {
	everyGeometry(t, 24, func(f *fixture) {
		a := f.view(f.someC())
		b := f.view(a.C)
		op, err := NewCorrelate(f.p, a, b)
		if err != nil {
			f.Fatal(err)
		}
		op.Run(f.b)
		for n := range f.n {
			want := momentsOf(f, n, a, b)
			have := op.Moments(n)
			size := [6]float64{0, 1 + math.Abs(want[1]), 1 + math.Abs(want[2]), want[3], want[4], math.Sqrt(want[3] * want[4])}
			for i := range want {
				// A ReLU may leave a view constant, but for rounding about its mean.
				f.near(have[i], want[i], size[i]+1e-6*want[0], "image %d, moment %d", n, i)
				bits := math.Float64bits(have[i])
				f.floats = append(f.floats, []float32{math.Float32frombits(uint32(bits)), math.Float32frombits(uint32(bits >> 32))})
			}
		}
	})
}

func momentsOf(f *fixture, n int, a, b View) (m [6]float64) {
	each := func(g func(x, y float64)) {
		for c := range a.C {
			for p := range f.h * f.w {
				g(a.at(f.b, n, c, p), b.at(f.b, n, c, p))
			}
		}
	}
	each(func(x, y float64) { m[0], m[1], m[2] = m[0]+1, m[1]+x, m[2]+y })
	m[1], m[2] = m[1]/m[0], m[2]/m[0]
	each(func(x, y float64) {
		x, y = x-m[1], y-m[2]
		m[3], m[4], m[5] = m[3]+x*x, m[4]+y*y, m[5]+x*y
	})
	return m
}

// TestCorrelateFar: values with a mean of ten thousand deviations keep five digits.
func TestCorrelateFar(t *testing.T) {
	everyISA(t, func(t *testing.T) {
		f := newFixture(t, 1, 1)
		f.h, f.w = 9, 9
		a, b := View{T: f.tensor(17), C: 17}, View{T: f.tensor(17), C: 17}
		for n := range f.n {
			for _, v := range []View{a, b} {
				far := v.T.Get(n)
				for i := range far {
					far[i] += 1e4
				}
				v.T.Set(n, far)
			}
		}
		op, err := NewCorrelate(f.p, a, b)
		if err != nil {
			t.Fatal(err)
		}
		op.Run(f.b)
		for n := range f.n {
			have, want := op.Moments(n), momentsOf(f, n, a, b)
			for i, size := range []float64{0, 1e4, 1e4, want[3], want[4], math.Sqrt(want[3] * want[4])} {
				f.near(have[i], want[i], size, "image %d, moment %d", n, i)
			}
		}
		f.a.Close()
		f.p.Close()
	})
}
