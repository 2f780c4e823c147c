package cpu

import (
	"math"
	"testing"
)

func TestJoin(t *testing.T) {
	everyGeometry(t, 24, func(f *fixture) {
		c := f.someC()
		s := JoinSpec{Y: f.tensor(c), ReLU: f.IntN(2) == 0, Stats: []Stats{{Norm: f.norm(c)}}}
		for range f.IntN(4) {
			v := f.view(c)
			if f.IntN(2) == 0 {
				v.ReLU = false // the usual join
			}
			s.Branches, s.Alpha = append(s.Branches, v), append(s.Alpha, f.factors())
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
				y += float64(s.Alpha[k][n]) * v.at(f.b, n, c, p)
			}
			return relu(s.ReLU, y)
		})
		for _, st := range s.Stats {
			f.checkStats(st.Norm, s.Y, st.Off)
		}
	})
}

// The shape that every pre-activation block has: two normalised branches and a skip without ReLU;
// and joins that differ from it by one ReLU.
func TestJoinOfTwo(t *testing.T) {
	everyGeometry(t, 16, func(f *fixture) {
		c, with := f.someC(), f.IntN(4)
		branch := func(k int) View { return View{T: f.tensor(c), C: c, Norm: f.norm(c), ReLU: k == with} }
		skip := View{T: f.tensor(c), C: c, ReLU: with == 2}
		s := JoinSpec{Branches: []View{branch(0), branch(1)}, Alpha: [][]float32{f.factors(), f.factors()}, Skip: &skip, Y: f.tensor(c), ReLU: f.IntN(2) == 0}
		before := all(s.Y)
		op, err := NewJoin(f.p, s)
		if err != nil {
			f.Fatal(err)
		}
		op.Run(f.b)
		f.nearTensor(s.Y, 0, c, before, func(n, c, p int) float64 {
			return relu(s.ReLU, skip.at(f.b, n, c, p)+float64(s.Alpha[0][n])*s.Branches[0].at(f.b, n, c, p)+float64(s.Alpha[1][n])*s.Branches[1].at(f.b, n, c, p))
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
