package report

import (
	"math"
	"testing"
)

func TestLoss(t *testing.T) {
	for x, want := range map[float64]string{0.12345: "0.1235", 9999.5: "9999.5000", 1e4: "1e+04", 4.82193e32: "4.82e+32", math.Inf(1): "+Inf"} {
		if have := Loss(x); have != want {
			t.Errorf("%v: want %s, have %s", x, want, have)
		}
	}
}
