package cpu

import (
	"math"
	"testing"
)

// runningMomentum is the weight of a batch in the running statistics of these tests.
const runningMomentum = 0.1

// trained is a norm over c channels of y with random parameters, and its statistics by definition,
// in float64.
type trained struct {
	m             *Norm
	params, grads []float32
	mean, invstd  []float64 // [replica][c]
	unbiased      []float64
	total         []int // values a channel has in each replica
}

func (f *fixture) train(y *Tensor) trained {
	s := NormSpec{C: y.C, Replicas: f.replicas, MaxN: f.maxN, HW: f.h * f.w}
	k := trained{params: f.p.Floats(2*y.C + 3), grads: f.p.Floats(2*y.C + 3)}
	for i := range k.params {
		k.params[i], k.grads[i] = float32(f.NormFloat64()), guardValue
	}
	for i := range y.C {
		s.GammaAt, s.BetaAt = append(s.GammaAt, int32(1+i)), append(s.BetaAt, int32(2+y.C+i))
	}
	var err error
	if k.m, err = NewNorm(f.p, s); err != nil {
		f.Fatal(err)
	}
	for r := range f.replicas {
		k.total = append(k.total, 0)
		for c := range y.C {
			var values []float64
			for n := range f.n {
				for p := 0; p < f.h*f.w && int(f.b.replica[n]) == r; p++ {
					values = append(values, y.at(n, c, p))
				}
			}
			var mean, m2 float64
			for _, v := range values {
				mean += v / float64(len(values))
			}
			for _, v := range values {
				m2 += (v - mean) * (v - mean)
			}
			k.mean = append(k.mean, mean)
			k.invstd = append(k.invstd, 1/math.Sqrt(m2/float64(len(values))+Epsilon))
			k.unbiased = append(k.unbiased, m2/max(1, float64(len(values)-1)))
			k.total[r] = len(values)
		}
	}
	stats, err := NewStats(f.p, y, []Stats{{Norm: k.m}})
	if err != nil {
		f.Fatal(err)
	}
	stats.Run(f.b)
	k.m.FinalizeTrain(f.b, k.params, runningMomentum)
	return k
}

// offset moves every value of t by d: statistics must not lose the spread in the mean.
func offset(t *Tensor, d float32) {
	for i := range t.N {
		v := t.Get(i)
		for j := range v {
			v[j] += d
		}
		t.Set(i, v)
	}
}

func TestNormTrain(t *testing.T) {
	everyGeometry(t, 24, func(f *fixture) {
		y := f.tensor(f.someC())
		offset(y, 100)
		k := f.train(y)
		a := k.m.arrays()
		f.floats = append(f.floats, a.mean, a.invstd, a.scale, a.shift, k.m.rmean, k.m.rvar)
		for r := range f.replicas {
			mean, variance := k.m.Running(r)
			for c := range y.C {
				i, j := r*y.C+c, r*blocks(y.C)*16+c
				if k.total[r] == 0 {
					if mean[c] != 0 || variance[c] != 1 || a.scale[j] != 0 {
						f.Fatalf("replica %d has no images, but running statistics %g, %g and scale %g", r, mean[c], variance[c], a.scale[j])
					}
					continue
				}
				gamma, beta := float64(k.params[1+c]), float64(k.params[2+y.C+c])
				scale := gamma * k.invstd[i]
				f.near(float64(a.mean[j]), k.mean[i], 100, "mean of channel %d", c)
				f.near(float64(a.invstd[j]), k.invstd[i], 10*k.invstd[i], "invstd of channel %d", c)
				f.near(float64(a.scale[j]), scale, 10*math.Abs(scale), "scale of channel %d", c)
				f.near(float64(a.shift[j]), beta-k.mean[i]*scale, 1+1000*math.Abs(scale), "shift of channel %d", c)
				f.near(float64(mean[c]), runningMomentum*k.mean[i], 100, "running mean of channel %d", c)
				f.near(float64(variance[c]), 1-runningMomentum+runningMomentum*k.unbiased[i], 10, "running variance of channel %d", c)
			}
		}
		k.m.FinalizeEval(k.params, f.replicas-1)
		mean, variance := k.m.Running(f.replicas - 1)
		for r := range f.replicas {
			for c := range y.C {
				j := r*blocks(y.C)*16 + c
				scale := float64(k.params[1+c]) / math.Sqrt(float64(variance[c])+Epsilon)
				f.near(float64(a.scale[j]), scale, math.Abs(scale), "test scale of channel %d", c)
				f.near(float64(a.shift[j]), float64(k.params[2+y.C+c])-float64(mean[c])*scale, 1+100*math.Abs(scale), "test shift of channel %d", c)
			}
		}
	})
}

// The whole backward pass of a batch normalisation with a factor b an image and a ReLU behind it,
// against dx = gamma*invstd * (b*g - S1/P - xhat*S2/P), S1 and S2 over the replica with b inside
// the sums.
func TestNormBackward(t *testing.T) {
	everyGeometry(t, 16, func(f *fixture) {
		c := f.someC()
		y, g, dst := f.tensor(c), f.tensor(c), f.tensor(c)
		k := f.train(y)
		of := Grad{G: g, C: c, Beta: f.factors(), Norm: k.m, Y: y, ReLU: f.IntN(2) == 0}
		sums, err := NewSums(f.p, []Sums{{Norm: k.m, Of: of}})
		if err != nil {
			f.Fatal(err)
		}
		sums.Run(f.b)
		k.m.FinalizeBackward(f.b, k.params, k.grads)
		f.floats = append(f.floats, k.grads)
		apply, err := NewGradSum(f.p, GradSumSpec{Dst: dst, Terms: []Grad{of}})
		if err != nil {
			f.Fatal(err)
		}
		before := all(dst)
		apply.Run(f.b)

		xhat := func(n, i, p int) float64 {
			j := int(f.b.replica[n])*c + i
			return (y.at(n, i, p) - k.mean[j]) * k.invstd[j]
		}
		s1, s2 := make([]float64, f.replicas*c), make([]float64, f.replicas*c)
		for n := range f.n {
			for i := range c {
				for p := range f.h * f.w {
					j := int(f.b.replica[n])*c + i
					s1[j] += of.masked(f.b, n, i, p)
					s2[j] += of.masked(f.b, n, i, p) * xhat(n, i, p)
				}
			}
		}
		f.nearTensor(dst, 0, c, before, func(n, i, p int) float64 {
			r := int(f.b.replica[n])
			j, total := r*c+i, float64(k.total[r])
			if total == 1 {
				return dst.at(n, i, p) // invstd is 1/sqrt(eps) there: nothing but rounding is left
			}
			return float64(k.params[1+i]) * k.invstd[j] * (of.masked(f.b, n, i, p) - s1[j]/total - xhat(n, i, p)*s2[j]/total)
		})
		size := 1 + float64(f.n*f.h*f.w)
		for i := range c {
			var dgamma, dbeta float64
			for r := range f.replicas {
				dgamma, dbeta = dgamma+s2[r*c+i], dbeta+s1[r*c+i]
			}
			f.near(float64(k.grads[1+i]), dgamma, size, "dgamma of channel %d", i)
			f.near(float64(k.grads[2+c+i]), dbeta, size, "dbeta of channel %d", i)
		}
		for _, i := range []int{0, 1 + c, 2 + 2*c} {
			if k.grads[i] != guardValue {
				f.Fatalf("gradient %d belongs to nobody, but is %g", i, k.grads[i])
			}
		}
	})
}

func TestNormPaddingLanes(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	b := NewBatch(p, 1, 1)
	b.Set(1)
	m, err := NewNorm(p, NormSpec{C: 3, Replicas: 1, MaxN: 1, HW: 1, GammaAt: []int32{0, -1, 1}, BetaAt: []int32{2, -1, 3}})
	if err != nil {
		t.Fatal(err)
	}
	params, flat := []float32{1, 2, 3, 4}, []float32{9, 9, 9, 9, 9}
	grads := flat[1:] // a lane without parameters must not write grads[-1]
	a := m.arrays()
	m.FinalizeTrain(b, params, runningMomentum)
	m.FinalizeBackward(b, params, grads)
	for _, v := range [][]float32{a.scale, a.shift, a.dxG, a.dxX, a.dx1} {
		if v[1] != 0 || v[3] != 0 {
			t.Errorf("padding lanes have coefficients %v", v[:4])
		}
	}
	if flat[0] != 9 || grads[0] != 0 || grads[1] != 0 || grads[2] != 0 || grads[3] != 0 {
		t.Errorf("have gradients %v behind %g, want 0 behind 9", grads, flat[0])
	}
}

func TestNewNormErrors(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	for name, s := range map[string]NormSpec{
		"no channels":   {Replicas: 1, MaxN: 1, HW: 1},
		"no replicas":   {C: 1, MaxN: 1, HW: 1, GammaAt: []int32{0}, BetaAt: []int32{1}},
		"short indices": {C: 2, Replicas: 1, MaxN: 1, HW: 1, GammaAt: []int32{0}, BetaAt: []int32{1}},
		"half a lane":   {C: 1, Replicas: 1, MaxN: 1, HW: 1, GammaAt: []int32{0}, BetaAt: []int32{-1}},
		"below -1":      {C: 1, Replicas: 1, MaxN: 1, HW: 1, GammaAt: []int32{-2}, BetaAt: []int32{-2}},
	} {
		if m, err := NewNorm(p, s); err == nil {
			t.Errorf("%s: have %v, want an error", name, m)
		}
	}
}
