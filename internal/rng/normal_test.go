package rng

import (
	"math"
	"testing"
)

// TestLogExp: both are those of package math to the last digits, and inverse.
func TestLogExp(t *testing.T) {
	for _, x := range []float64{1e-12, 0.1, 0.5, 0.7071, 1, 1.5, 2, 100, 1e9} {
		if have, want := Log(x), math.Log(x); math.Abs(have-want) > 1e-15*max(1, math.Abs(want)) {
			t.Errorf("ln %v: want %v, have %v", x, want, have)
		}
	}
	for _, x := range []float64{-700, -20, -1, -1e-9, 0, 0.3, 0.34658, 1, 10, 700} {
		if have, want := Exp(x), math.Exp(x); math.Abs(have-want) > 3e-13*want {
			t.Errorf("e^%v: want %v, have %v", x, want, have)
		}
	}
	if Exp(-1e4) != 0 || !math.IsInf(Exp(1e4), 1) {
		t.Errorf("far out: %v and %v", Exp(-1e4), Exp(1e4))
	}
}
