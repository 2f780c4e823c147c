package engine_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"shake/internal/engine"
)

// momentsOf are the moments of x and y by two passes.
func momentsOf(x, y []float64) engine.Moments {
	m := engine.Moments{N: int64(len(x))}
	for i := range x {
		m.A, m.B = m.A+x[i]/float64(len(x)), m.B+y[i]/float64(len(x))
	}
	for i := range x {
		a, b := x[i]-m.A, y[i]-m.B
		m.AA, m.BB, m.AB = m.AA+a*a, m.BB+b*b, m.AB+a*b
	}
	return m
}

// TestMomentsMerge cuts pairs far from zero into parts, empty ones too, and merges those.
func TestMomentsMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x, y := make([]float64, 1000), make([]float64, 1000)
	for i := range x {
		x[i] = 1e6 + r.NormFloat64()
		y[i] = -1e6 + 0.6*x[i] + r.NormFloat64()
	}
	var m engine.Moments
	for _, cut := range [][2]int{{0, 0}, {0, 1}, {1, 1}, {1, 600}, {600, 1000}} {
		m.Merge(momentsOf(x[cut[0]:cut[1]], y[cut[0]:cut[1]]))
	}
	want := momentsOf(x, y)
	if m.N != want.N || math.Abs(m.Correlation()-want.Correlation()) > 1e-9 || math.Abs(m.A-want.A) > 1e-6 || math.Abs(m.BB-want.BB) > 1e-6*want.BB {
		t.Errorf("want %+v, have %+v", want, m)
	}
	if c := m.Correlation(); math.Abs(c-0.6/math.Sqrt(1.36)) > 0.05 {
		t.Errorf("want a correlation of about %.3f, have %.3f", 0.6/math.Sqrt(1.36), c)
	}
}

func TestCorrelation(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name string
		m    engine.Moments
		want float64
	}{
		{"none", engine.Moments{}, nan},
		{"a does not vary", engine.Moments{N: 3, BB: 1}, nan},
		{"b does not vary", engine.Moments{N: 3, AA: 1}, nan},
		{"not a number", engine.Moments{N: 3, AA: nan, BB: 1, AB: nan}, nan},
		{"infinite", engine.Moments{N: 3, AA: inf, BB: 1, AB: 1}, nan},
		{"the same", engine.Moments{N: 3, AA: 0.1, BB: 0.1, AB: 0.1}, 1},
		{"opposite", engine.Moments{N: 3, AA: 4, BB: 9, AB: -6}, -1},
		{"large", engine.Moments{N: 3, AA: 1e200, BB: 1e200, AB: 5e199}, 0.5},
	} {
		if have := c.m.Correlation(); have != c.want && !(math.IsNaN(have) && math.IsNaN(c.want)) {
			t.Errorf("%s: want %v, have %v", c.name, c.want, have)
		}
	}
}
