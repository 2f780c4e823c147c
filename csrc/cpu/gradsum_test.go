package cpu

import "testing"

func TestGradSum(t *testing.T) {
	everyGeometry(t, 24, func(f *fixture) {
		s := GradSumSpec{Off: 16 * f.IntN(2), Accumulate: f.IntN(2) == 0}
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
		op, err := NewGradSum(f.p, s)
		if err != nil {
			f.Fatal(err)
		}
		op.Run(f.b)
		f.nearTensor(s.Dst, s.Off, c, before, func(n, i, p int) float64 { return want[(n*c+i)*f.h*f.w+p] })
		f.checkSums(s.Sums)
	})
}
