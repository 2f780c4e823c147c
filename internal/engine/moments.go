package engine

import "math"

// Moments are the first two moments of N pairs (a, b):
//
//	A = mean a    AA = sum (a-A)²    AB = sum (a-A)(b-B)
//	B = mean b    BB = sum (b-B)²
type Moments struct {
	N          int64
	A, B       float64
	AA, BB, AB float64
}

// Correlator is a Program that compares values. A program of a graph without Correlate operations
// returns no moments.
type Correlator interface {
	// Correlate runs test images lo..hi-1 as Eval does, in one pass, and returns the moments of
	// every Correlate operation of the graph over them, in the order of the operations. The sums
	// have one order: the same call gives the same bits.
	Correlate(lo, hi int) ([]Moments, error)
}

// Merge adds the pairs of o (Chan, Golub and LeVeque):
//
//	AB += o.AB + (o.A - A)(o.B - B) N o.N / (N + o.N), and AA and BB alike
func (m *Moments) Merge(o Moments) {
	if m.N == 0 || o.N == 0 {
		if m.N == 0 {
			*m = o
		}
		return
	}
	n := m.N + o.N
	da, db, share := o.A-m.A, o.B-m.B, float64(o.N)/float64(n)
	w := float64(m.N) * share
	m.AA, m.BB, m.AB = m.AA+o.AA+da*da*w, m.BB+o.BB+db*db*w, m.AB+o.AB+da*db*w
	m.A, m.B, m.N = m.A+da*share, m.B+db*share, n
}

// Correlation is AB / sqrt(AA BB), from -1 to 1. It is NaN where a or b does not vary, and where a
// value was not finite.
func (m Moments) Correlation() float64 {
	if !(m.AA > 0 && m.BB > 0) || math.IsInf(m.AA, 0) || math.IsInf(m.BB, 0) {
		return math.NaN()
	}
	return max(-1, min(1, m.AB/(math.Sqrt(m.AA)*math.Sqrt(m.BB))))
}
