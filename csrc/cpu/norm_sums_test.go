package cpu

import "testing"

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
