package report

import (
	"math"
	"testing"
)

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance || math.IsNaN(a) && math.IsNaN(b)
}

// TestStudentP compares the tails with closed forms: of 1 and 2 degrees of freedom, and of the
// normal distribution for very many.
func TestStudentP(t *testing.T) {
	for _, x := range []float64{0, 0.1, 0.5, 1, 2, 4.3, 12.7, 63.7, -2, 1e6} {
		if have, want := StudentP(x, 1), 1-2/math.Pi*math.Atan(math.Abs(x)); !near(have, want, 1e-12) {
			t.Errorf("t = %g, 1 degree: have %g, want %g", x, have, want)
		}
		if have, want := StudentP(x, 2), 1-math.Abs(x)/math.Sqrt(2+x*x); !near(have, want, 1e-12) {
			t.Errorf("t = %g, 2 degrees: have %g, want %g", x, have, want)
		}
		if have, want := StudentP(x, 1e7), math.Erfc(math.Abs(x)/math.Sqrt2); !near(have, want, 1e-6) {
			t.Errorf("t = %g, normal: have %g, want %g", x, have, want)
		}
	}
	if !math.IsNaN(StudentP(math.NaN(), 3)) {
		t.Error("a number from none")
	}
	// The 97.5 % points of the tables.
	for freedom, point := range map[float64]float64{3: 3.182446, 5: 2.570582, 10: 2.228139, 30: 2.042272} {
		if have := StudentP(point, freedom); !near(have, 0.05, 1e-6) {
			t.Errorf("%g degrees: have %g at the 97.5 %% point", freedom, have)
		}
	}
}

// TestWelch: an example of two samples, computed by hand.
func TestWelch(t *testing.T) {
	a, b := []float64{1, 2, 3}, []float64{2, 4, 6, 8}
	// Means 2 and 5, variances 1 and 20/3: t = -3 / sqrt(1/3 + 5/3), freedom = 4 / ((1/9)/2 +
	// (25/9)/3).
	have, freedom, p := Welch(a, b)
	if !near(have, -3/math.Sqrt2, 1e-12) || !near(freedom, 4/(1./18+25./27), 1e-12) || !(p > 0.05 && p < 0.15) {
		t.Errorf("t %g, freedom %g, p %g", have, freedom, p)
	}
	for _, c := range [][2][]float64{{{1}, {1, 2}}, {{}, {}}, {{1, 1}, {1, 1}}} {
		if have, _, p := Welch(c[0], c[1]); !math.IsNaN(have) || !math.IsNaN(p) {
			t.Errorf("%v: t %g, p %g", c, have, p)
		}
	}
}

func TestAgainstMean(t *testing.T) {
	have, p := AgainstMean([]float64{1, 2, 3}, 4, 3)
	if !near(have, -2/math.Sqrt(2./3), 1e-12) || !near(p, StudentP(have, 2), 1e-15) {
		t.Errorf("t %g, p %g", have, p)
	}
	if have, _ := AgainstMean([]float64{1}, 4, 3); !math.IsNaN(have) {
		t.Error("a test of one figure")
	}
	if mean, dev := MeanDeviation(nil); !math.IsNaN(mean) || !math.IsNaN(dev) {
		t.Error("a mean of nothing")
	}
}

// TestMeanCorrelation against scipy.stats: t.ppf(0.975, 2) = 4.302652729911275, and by hand
// z = 0.549306, 0.693147, 0.423649 with mean 0.555367 and deviation 0.134854.
func TestMeanCorrelation(t *testing.T) {
	mean, low, high := MeanCorrelation([]float64{0.5, 0.6, 0.4})
	half := 4.302652729911275 * 0.1348514 / math.Sqrt(3)
	if math.Abs(mean-0.5) > 1e-12 || math.Abs(low-math.Tanh(0.5553677-half)) > 1e-5 || math.Abs(high-math.Tanh(0.5553677+half)) > 1e-5 {
		t.Errorf("have %v, %v to %v", mean, low, high)
	}
	for _, r := range [][]float64{nil, {0.5}, {1, 0.5}, {math.NaN(), 0.5}} {
		if _, low, high := MeanCorrelation(r); !math.IsNaN(low) || !math.IsNaN(high) {
			t.Errorf("%v: have an interval from %v to %v", r, low, high)
		}
	}
}

func TestStudentQuantile(t *testing.T) {
	for _, c := range []struct{ p, freedom, want float64 }{{0.95, 1, 12.706204736}, {0.95, 2, 4.302652730}, {0.95, 30, 2.042272456}, {0.99, 5, 4.032142984}, {0, 3, 0}} {
		if have := StudentQuantile(c.p, c.freedom); math.Abs(have-c.want) > 1e-7 {
			t.Errorf("%v of %v degrees: want %v, have %v", c.p, c.freedom, c.want, have)
		}
	}
}
