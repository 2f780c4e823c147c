package cpu

import (
	"math"
	"testing"
)

// checkStats checks the forward statistics of all channels of y.
func (f *fixture) checkStats(m *Norm, y *Tensor, off int) {
	f.Helper()
	means := map[[2]int]float64{}
	for n := range f.n {
		for c := range m.spec.C {
			for p := range f.h * f.w {
				means[[2]int{n, c}] += y.at(n, off+c, p) / float64(f.h*f.w)
			}
		}
	}
	f.nearSums(m, 0, m.spec.C, func(n, c, p int) float64 { return y.at(n, off+c, p) },
		func(n, c, p int) float64 { d := y.at(n, off+c, p) - means[[2]int{n, c}]; return d * d })
}

// checkSums checks backward sums against their definition.
func (f *fixture) checkSums(sums []Sums) {
	f.Helper()
	for _, s := range sums {
		k, g := s.Norm.arrays(), s.Of
		f.nearSums(s.Norm, g.NormOff, g.C, func(n, c, p int) float64 { return g.masked(f.b, n, c, p) },
			func(n, c, p int) float64 {
				at := g.NormOff + c
				xhat := (g.Y.at(n, g.YOff+c, p) - s.Norm.at(f.b, k.mean, n, at)) * s.Norm.at(f.b, k.invstd, n, at)
				return g.masked(f.b, n, c, p) * xhat
			})
	}
}

func TestJoin(t *testing.T) {
	everyGeometry(t, 24, func(f *fixture) {
		c := f.someC()
		s := JoinSpec{Y: f.tensor(c), ReLU: f.IntN(2) == 0, Stats: []Stats{{Norm: f.norm(c)}}}
		for range f.IntN(4) {
			v := f.view(c)
			if f.IntN(2) == 0 {
				v.ReLU = false // the usual join
			}
			s.Branches, s.Coefs = append(s.Branches, v), append(s.Coefs, f.coefs())
		}
		if len(s.Branches) == 0 || f.IntN(3) > 0 {
			v := f.view(c)
			s.Skip = &v
		}
		if c > 16 {
			s.Stats = append(s.Stats, Stats{Norm: f.norm(c - 16), Off: 16})
		}
		before := all(s.Y)
		op, err := NewJoin(f.p, s)
		if err != nil {
			f.Fatal(err)
		}
		op.Run(f.b)
		f.nearTensor(s.Y, 0, c, before, func(n, c, p int) (y float64) {
			if s.Skip != nil {
				y = s.Skip.at(f.b, n, c, p)
			}
			for k, v := range s.Branches {
				y += float64(s.Coefs[k][n]) * v.at(f.b, n, c, p)
			}
			return relu(s.ReLU, y)
		})
		for _, st := range s.Stats {
			f.checkStats(st.Norm, s.Y, st.Off)
		}
	})
}

// The shape that every pre-activation block has: two normalised branches and a skip without ReLU; and what differs from it by one ReLU.
func TestJoinOfTwo(t *testing.T) {
	everyGeometry(t, 16, func(f *fixture) {
		c, with := f.someC(), f.IntN(4)
		branch := func(k int) View { return View{T: f.tensor(c), C: c, Norm: f.norm(c), ReLU: k == with} }
		skip := View{T: f.tensor(c), C: c, ReLU: with == 2}
		s := JoinSpec{Branches: []View{branch(0), branch(1)}, Coefs: [][]float32{f.coefs(), f.coefs()}, Skip: &skip, Y: f.tensor(c), ReLU: f.IntN(2) == 0}
		before := all(s.Y)
		op, err := NewJoin(f.p, s)
		if err != nil {
			f.Fatal(err)
		}
		op.Run(f.b)
		f.nearTensor(s.Y, 0, c, before, func(n, c, p int) float64 {
			return relu(s.ReLU, skip.at(f.b, n, c, p)+float64(s.Coefs[0][n])*s.Branches[0].at(f.b, n, c, p)+float64(s.Coefs[1][n])*s.Branches[1].at(f.b, n, c, p))
		})
	})
}

func TestApply(t *testing.T) {
	everyGeometry(t, 8, func(f *fixture) {
		x := f.view(f.someC())
		y, m := f.tensor(x.C), f.norm(x.C)
		before := all(y)
		op, err := NewApply(f.p, x, y, []Stats{{Norm: m}})
		if err != nil {
			f.Fatal(err)
		}
		op.Run(f.b)
		f.nearTensor(y, 0, x.C, before, func(n, c, p int) float64 { return x.at(f.b, n, c, p) })
		f.checkStats(m, y, 0)
	})
}

func TestStatsAndSums(t *testing.T) {
	everyGeometry(t, 16, func(f *fixture) {
		g := f.tensor(16 + f.someC())
		m := f.norm(g.C - 16)
		stats, err := NewStats(f.p, g, []Stats{{Norm: m, Off: 16}})
		if err != nil {
			f.Fatal(err)
		}
		stats.Run(f.b)
		f.checkStats(m, g, 16)

		asked := []Sums{f.sums(g, 0, g.C), f.sums(g, 16, g.C-16)}
		sums, err := NewSums(f.p, asked)
		if err != nil {
			f.Fatal(err)
		}
		sums.Run(f.b)
		f.checkSums(asked)
	})
}

func TestGradApply(t *testing.T) {
	everyGeometry(t, 24, func(f *fixture) {
		s := GradApplySpec{Off: 16 * f.IntN(2), Accumulate: f.IntN(2) == 0}
		c := f.someC()
		s.Dst = f.tensor(s.Off + c)
		for range 1 + f.IntN(3) {
			s.Terms = append(s.Terms, f.grad(c))
		}
		if f.IntN(2) == 0 { // in place
			s.Terms[0].G, s.Terms[0].GOff = s.Dst, s.Off
		}
		if f.IntN(2) == 0 {
			v := f.view(c)
			s.ReLUOf = &v
		}
		s.Sums = []Sums{f.sums(s.Dst, s.Off, c)}
		before := all(s.Dst)
		want := make([]float64, f.n*c*f.h*f.w)
		each := func(set func(i *float64, n, c, p int)) {
			for i := range want {
				set(&want[i], i/(c*f.h*f.w), i/(f.h*f.w)%c, i%(f.h*f.w))
			}
		}
		each(func(v *float64, n, c, p int) {
			for _, t := range s.Terms {
				*v += t.at(f.b, n, c, p)
			}
			if s.ReLUOf != nil && s.ReLUOf.before(f.b, n, c, p) <= 0 {
				*v = 0
			}
			if s.Accumulate {
				*v += s.Dst.at(n, s.Off+c, p)
			}
		})
		op, err := NewGradApply(f.p, s)
		if err != nil {
			f.Fatal(err)
		}
		op.Run(f.b)
		f.nearTensor(s.Dst, s.Off, c, before, func(n, i, p int) float64 { return want[(n*c+i)*f.h*f.w+p] })
		f.checkSums(s.Sums)
	})
}

// A network that diverges must show it: a NaN goes through every ReLU.
func TestReLUKeepsNaN(t *testing.T) {
	everyISA(t, func(t *testing.T) {
		f := newFixture(t, 1, 1)
		x, y := f.tensor(3), f.tensor(3)
		nan := make([]float32, 3*f.h*f.w)
		for i := range nan {
			nan[i] = float32(math.NaN())
		}
		x.Set(0, nan)
		op, err := NewApply(f.p, View{T: x, C: 3, ReLU: true}, y, nil)
		if err != nil {
			t.Fatal(err)
		}
		op.Run(f.b)
		for i, v := range y.Get(0) {
			if v == v {
				t.Fatalf("value %d: have %g, want NaN", i, v)
			}
		}
		f.a.Close()
		f.p.Close()
	})
}
