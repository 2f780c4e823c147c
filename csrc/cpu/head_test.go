package cpu

import (
	"math"
	"testing"
)

func (f *fixture) labels(classes int) []uint16 {
	l := make([]uint16, f.maxN)
	for i := range l {
		l[i] = uint16(f.IntN(classes))
	}
	return l
}

func TestHead(t *testing.T) {
	everyGeometry(t, 24, func(f *fixture) {
		classes := 1 + f.IntN(12)
		x := f.view(f.someC())
		c, hw := x.C, float64(f.h*f.w)
		dx := &HeadDX{G: f.tensor(16 + c), Off: 16, ReLU: f.IntN(2) == 0, Accumulate: f.IntN(2) == 0}
		sums := []Sums{f.sums(dx.G, 16, c)}
		params := make([]float32, 5+classes*c+3+classes)
		for i := range params {
			params[i] = float32(f.NormFloat64() / 4)
		}
		spec := HeadSpec{X: x, Classes: classes, WOff: 5, BOff: 5 + classes*c + 3, MaxN: f.maxN, DX: dx, Sums: sums}
		if f.IntN(2) == 0 {
			spec.Smoothing = 0.9 * f.Float64()
		}
		plain := make([]float64, f.n) // losses without smoothing
		h, err := NewHead(f.p, spec)
		if err != nil {
			f.Fatal(err)
		}
		targets := Targets{Labels: f.labels(classes), Weight: 1}
		if f.IntN(2) == 0 {
			targets.Others, targets.Weight = f.labels(classes), f.Float64()
		}
		labels, grads, before := targets.Labels, make([]float32, len(params)), all(dx.G)
		for i := range grads {
			grads[i] = guardValue
		}
		if err := h.Train(f.b, params, grads, targets); err != nil {
			f.Fatal(err)
		}
		f.floats = append(f.floats, grads, h.Loss(), h.Logits())

		w := func(k, c0 int) float64 { return float64(params[spec.WOff+k*c+c0]) }
		mean := make([][]float64, f.n)
		dz := make([][]float64, f.n)
		for n := range f.n {
			mean[n] = make([]float64, c)
			for i := range c {
				for p := range f.h * f.w {
					mean[n][i] += x.at(f.b, n, i, p) / hw
				}
			}
			dz[n] = make([]float64, classes)
			z := make([]float64, classes)
			var sum, top float64
			best := 0
			for k := range classes {
				z[k] = float64(params[spec.BOff+k])
				for i := range c {
					z[k] += w(k, i) * mean[n][i]
				}
				f.near(float64(h.Logits()[n*classes+k]), z[k], 10, "logit %d of image %d", k, n)
				dz[n][k] = math.Exp(z[k])
				sum += dz[n][k]
				if z[k] > top || k == 0 {
					best, top = k, z[k]
				}
			}
			label, other := labels[n], labels[n]
			if targets.Others != nil {
				other = targets.Others[n]
			}
			plain[n] = math.Log(sum) - z[label]
			mixed := math.Log(sum) - targets.Weight*z[label] - (1-targets.Weight)*z[other]
			loss, e := (1-spec.Smoothing)*mixed, spec.Smoothing/float64(classes)
			if targets.Weight < 0.5 {
				label = other
			}
			for k := range classes {
				loss += e * (math.Log(sum) - z[k])
			}
			f.near(float64(h.Loss()[n]), loss, 10, "loss of image %d", n)
			if wrong := best != int(label); (h.Wrong()[n] == 1) != wrong {
				f.Fatalf("image %d: wrong is %d, want %t", n, h.Wrong()[n], wrong)
			}
			for k := range classes {
				dz[n][k] = (dz[n][k]/sum - e) / float64(f.n)
			}
			dz[n][labels[n]] -= (1 - spec.Smoothing) * targets.Weight / float64(f.n)
			dz[n][other] -= (1 - spec.Smoothing) * (1 - targets.Weight) / float64(f.n)
		}
		for k := range classes {
			var db float64
			for i := range c {
				var dw float64
				for n := range f.n {
					dw += dz[n][k] * mean[n][i]
				}
				f.near(float64(grads[spec.WOff+k*c+i]), dw, 3, "dW[%d,%d]", k, i)
			}
			for n := range f.n {
				db += dz[n][k]
			}
			f.near(float64(grads[spec.BOff+k]), db, 3, "dbias[%d]", k)
		}
		for _, i := range []int{4, 5 + classes*c, 5 + classes*c + 2} {
			if grads[i] != guardValue {
				f.Fatalf("gradient %d belongs to nobody, but is %g", i, grads[i])
			}
		}
		f.nearTensor(dx.G, 16, c, before, func(n, i, p int) (d float64) {
			if dx.Accumulate {
				d = float64(before[n][(16+i)*f.h*f.w+p])
			}
			if dx.ReLU && x.before(f.b, n, i, p) <= 0 {
				return d
			}
			for k := range classes {
				d += dz[n][k] * w(k, i) / hw
			}
			return d
		})
		f.checkSums(sums)

		if err := h.Eval(f.b, params, labels); err != nil {
			f.Fatal(err)
		}
		for i, v := range h.Loss() {
			f.near(float64(v), plain[i], 10, "loss of image %d without smoothing", i)
		}
	})
}

// onlyBias is a head whose logits are its biases: x is zero.
func onlyBias(t *testing.T, bias []float32, label uint16) (loss float32, wrong uint8) {
	f := newFixture(t, 1, 1)
	defer f.p.Close()
	defer f.a.Close()
	x := f.tensor(1)
	for i := range x.N {
		x.Set(i, make([]float32, f.h*f.w))
	}
	h, err := NewHead(f.p, HeadSpec{X: View{T: x, C: 1}, Classes: len(bias), BOff: len(bias), MaxN: f.maxN})
	if err != nil {
		t.Fatal(err)
	}
	labels := make([]uint16, f.n)
	labels[0] = label
	if err := h.Train(f.b, append(make([]float32, len(bias)), bias...), make([]float32, 2*len(bias)), Targets{Labels: labels}); err != nil {
		t.Fatal(err)
	}
	return h.Loss()[0], h.Wrong()[0]
}

func TestHeadDecisions(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	everyISA(t, func(t *testing.T) {
		for _, c := range []struct {
			name  string
			bias  []float32
			label uint16
			loss  float64
			wrong uint8
		}{
			{"the largest", []float32{0, 2, 1}, 1, math.Log(1 + math.Exp(-2) + math.Exp(-1)), 0},
			{"a tie goes to the lowest", []float32{1, 1}, 0, math.Log(2), 0},
			{"a tie lost", []float32{1, 1}, 1, math.Log(2), 1},
			{"large logits", []float32{-3e38, 3e38}, 1, 0, 0},
			{"NaN is wrong", []float32{0, nan}, 0, math.NaN(), 1},
			{"NaN of the label", []float32{nan, 0}, 0, math.NaN(), 1},
			{"infinite", []float32{0, inf}, 1, math.NaN(), 0},
		} {
			loss, wrong := onlyBias(t, c.bias, c.label)
			have := float64(loss)
			if same := math.Abs(have-c.loss) < 1e-6 || math.IsNaN(have) && math.IsNaN(c.loss); !same || wrong != c.wrong {
				t.Errorf("%s: have loss %g, wrong %d, want %g, %d", c.name, loss, wrong, c.loss, c.wrong)
			}
		}
	})
}

func TestHeadErrors(t *testing.T) {
	f := newFixture(t, 1, 1)
	defer f.p.Close()
	defer f.a.Close()
	h, err := NewHead(f.p, HeadSpec{X: View{T: f.tensor(2), C: 2}, Classes: 3, BOff: 6, MaxN: f.maxN})
	if err != nil {
		t.Fatal(err)
	}
	params, labels := make([]float32, 9), make([]uint16, f.n)
	if err := h.Eval(f.b, params, labels[1:]); err == nil {
		t.Error("a missing label is no error")
	}
	if err := h.Eval(f.b, params[1:], labels); err == nil {
		t.Error("missing parameters are no error")
	}
	if err := h.Train(f.b, params, params[1:], Targets{Labels: labels}); err == nil {
		t.Error("missing gradients are no error")
	}
	bad := make([]uint16, f.n)
	bad[f.n-1] = 3
	for _, targets := range []Targets{{Labels: bad}, {Labels: labels, Others: bad}, {Labels: labels, Others: labels[1:]}, {}} {
		if err := h.Train(f.b, params, params, targets); err == nil {
			t.Errorf("%v is no error", targets)
		}
	}
}
