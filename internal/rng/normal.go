package rng

import "math"

// Normal maps two words to two independent numbers from N(0, 1) by Box and Muller:
//
//	x = sqrt(-2 ln u) cos(2 pi v)    y = sqrt(-2 ln u) sin(2 pi v)
//	u = (w0 + 1/2) / 2^32            v = w1 / 2^32
//
// The bits are the same on every platform: package math has an assembly Log on some machines, and
// Go may fuse x*y + z into one rounding on others, so ln, cos and sin are polynomials of this
// file's own and every product is rounded by an explicit conversion. It relies on IEEE float64
// addition, multiplication, division and square root, correctly rounded. Errors are below 1e-15.
func Normal(w0, w1 uint32) (x, y float64) {
	r := math.Sqrt(-2 * Log((float64(w0)+0.5)*(1.0/(1<<32))))
	c, s := cosSinTurn(w1)
	return float64(r * c), float64(r * s)
}

// Log is ln u for a finite u above 0, with the same bits on every platform: u = m * 2^e with m in
// [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m-1)/(m+1)).
func Log(u float64) float64 {
	m, e := math.Frexp(u)
	if m < math.Sqrt2/2 {
		m *= 2
		e--
	}
	s := (m - 1) / (m + 1)
	s2 := float64(s * s)
	p := 0.0
	for k := 21; k >= 1; k -= 2 {
		p = float64(p*s2) + 1/float64(k)
	}
	return float64(float64(e)*math.Ln2) + float64(2*s*p)
}

// cosSinTurn is the cosine and sine of w/2^32 turns. The series are summed within an eighth of a
// turn.
func cosSinTurn(w uint32) (c, s float64) {
	f := float64(w&(1<<30-1)) * (1.0 / (1 << 30)) // quarter turns
	swap := f > 0.5
	if swap {
		f = 1 - f
	}
	x := float64(f * (math.Pi / 2))
	x2 := float64(x * x)
	c, s = 1, 1
	for k := 16; k >= 2; k -= 2 {
		c = 1 - float64(c*x2)/float64(k*(k-1))
		s = 1 - float64(s*x2)/float64(k*(k+1))
	}
	s = float64(s * x)
	if swap {
		c, s = s, c
	}
	switch w >> 30 {
	case 1:
		c, s = -s, c
	case 2:
		c, s = -c, -s
	case 3:
		c, s = s, -c
	}
	return c, s
}

// Exp is e^x with the same bits on every platform: x = k ln 2 + r, and the series of e^r. It is
// infinite above 709 and 0 below -745.
func Exp(x float64) float64 {
	switch {
	case x > 709:
		return math.Inf(1)
	case x < -745:
		return 0
	}
	k := math.Floor(float64(x/math.Ln2) + 0.5)
	r := x - float64(k*math.Ln2)
	e := 1.0
	for n := 17; n >= 1; n-- {
		e = 1 + float64(float64(r*e)/float64(n))
	}
	return math.Ldexp(e, int(k))
}
