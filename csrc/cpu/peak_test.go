package cpu

import "testing"

func TestMeasurePeak(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	if g := MeasurePeak(p); !(g > 0.01 && g < 1e5) {
		t.Errorf("%g GFLOP/s", g)
	}
}
