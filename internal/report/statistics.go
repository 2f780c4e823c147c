package report

import "math"

// MeanDeviation is the mean of x and its standard deviation, with divisor n-1. For fewer than two
// figures the deviation is NaN; for none the mean is too.
func MeanDeviation(x []float64) (mean, deviation float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v / n
	}
	if n == 0 {
		mean = math.NaN()
	}
	for _, v := range x {
		deviation += (v - mean) * (v - mean)
	}
	if n < 2 {
		return mean, math.NaN()
	}
	return mean, math.Sqrt(deviation / (n - 1))
}

// Welch is Welch's test of two samples of two figures or more:
//
//	t = (mean a - mean b) / sqrt(s_a²/n_a + s_b²/n_b)
//
// with the degrees of freedom of Welch and Satterthwaite; p is the chance of so large a |t| if both
// have one mean. All are NaN if a sample is too small or has no variation.
func Welch(a, b []float64) (t, freedom, p float64) {
	ma, sa := MeanDeviation(a)
	mb, sb := MeanDeviation(b)
	na, nb := float64(len(a)), float64(len(b))
	va, vb := sa*sa/na, sb*sb/nb
	if !(va+vb > 0) {
		return math.NaN(), math.NaN(), math.NaN()
	}
	t = (ma - mb) / math.Sqrt(va+vb)
	freedom = (va + vb) * (va + vb) / (va*va/(na-1) + vb*vb/(nb-1))
	return t, freedom, StudentP(t, freedom)
}

// AgainstMean tests a sample of two figures or more against the mean of m others whose deviation is
// unknown and taken to be the sample's:
//
//	t = (mean a - mean) / (s sqrt(1/n + 1/m)), n-1 degrees of freedom
func AgainstMean(a []float64, mean float64, m int) (t, p float64) {
	ma, s := MeanDeviation(a)
	n := float64(len(a))
	if !(s > 0) || m < 1 {
		return math.NaN(), math.NaN()
	}
	t = (ma - mean) / (s * math.Sqrt(1/n+1/float64(m)))
	return t, StudentP(t, n-1)
}

// StudentP is the chance that |T| is at least |t| for Student's T with these degrees of freedom:
// I(v/(v+t²); v/2, 1/2), I the regularized incomplete beta function.
func StudentP(t, freedom float64) float64 {
	return betaInc(freedom/2, 0.5, freedom/(freedom+t*t))
}

// StudentQuantile is the t for which |T| is below t with probability p, 0 <= p < 1, for Student's T
// with these degrees of freedom.
func StudentQuantile(p, freedom float64) float64 {
	low, high := 0.0, 1.0
	for 1-StudentP(high, freedom) < p {
		high *= 2
	}
	for range 100 {
		if mid := (low + high) / 2; 1-StudentP(mid, freedom) < p {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// MeanCorrelation is the mean of correlations, and an interval of 95 % for the correlation of other
// runs' mean: Student's t of Fisher's z = atanh(r),
//
//	tanh(mean z ± t(95 %, n-1) s_z / sqrt(n))
//
// low and high are NaN for fewer than two figures, and where one is 1 or -1.
func MeanCorrelation(r []float64) (mean, low, high float64) {
	z := make([]float64, len(r))
	for i, v := range r {
		z[i] = math.Atanh(v)
	}
	mean, _ = MeanDeviation(r)
	m, s := MeanDeviation(z)
	if math.IsNaN(s) {
		return mean, math.NaN(), math.NaN()
	}
	n := float64(len(r))
	half := StudentQuantile(0.95, n-1) * s / math.Sqrt(n)
	return mean, math.Tanh(m - half), math.Tanh(m + half)
}

// betaInc is the regularized incomplete beta function I(x; a, b) by its continued fraction
// (Abramowitz and Stegun, 26.5.8), summed by Lentz's method.
func betaInc(a, b, x float64) float64 {
	switch {
	case math.IsNaN(a + b + x):
		return math.NaN()
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2): // the fraction converges slowly here
		return 1 - betaInc(b, a, 1-x)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	f, c, d := 1.0, 1.0, 0.0
	for i := range 300 {
		m := float64(i / 2)
		var numerator float64
		switch {
		case i == 0:
			numerator = 1
		case i%2 == 0:
			numerator = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			numerator = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		if d = 1 + numerator*d; math.Abs(d) < tiny {
			d = tiny
		}
		d = 1 / d
		if c = 1 + numerator/c; math.Abs(c) < tiny {
			c = tiny
		}
		f *= c * d
		if math.Abs(1-c*d) < 1e-14 {
			break
		}
	}
	return front * (f - 1)
}
