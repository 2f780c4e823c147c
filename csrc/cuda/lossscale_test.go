package cuda

import (
	"encoding/binary"
	"math"
	"testing"
)

// TestLossScale walks a scaler through good and bad steps.
func TestLossScale(t *testing.T) {
	s := floats(8, 0.125, 0, 0)
	state := func() Scaler {
		var out Scaler
		if _, err := binary.Decode(s.data, binary.LittleEndian, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for i, c := range []struct {
		g    []float64
		want Scaler
	}{
		{[]float64{1, 2, 3, 4, 5}, Scaler{8, 0.125, 1, 0}},
		{[]float64{1, 2, 3, 4, 5}, Scaler{16, 1.0 / 16, 0, 0}},
		{[]float64{1, 2, 3, 4, math.NaN()}, Scaler{8, 0.125, 0, 0}},
		{[]float64{1, math.Inf(-1), 3, 4}, Scaler{4, 0.25, 0, 0}},
		{[]float64{math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32}, Scaler{4, 0.25, 1, 0}},
	} {
		run(t, LossScaleCheckSpec{}, len(c.g), map[string]any{"g": floats(c.g...), "scaler": s, "n": len(c.g)})
		run(t, LossScaleUpdateSpec{Growth: 2}, 1, map[string]any{"scaler": s})
		if have := state(); have != c.want {
			t.Errorf("step %d: want %+v, have %+v", i, c.want, have)
		}
	}
}
