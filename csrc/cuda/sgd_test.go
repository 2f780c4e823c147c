package cuda

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestSGD(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	scaler := func(scale float64, bad int) *memory {
		m := floats(scale, 1/scale, 0, 0)
		binary.LittleEndian.PutUint32(m.data[12:], uint32(bad))
		return m
	}
	for _, c := range []struct {
		name     string
		n        int
		nesterov bool
		copy     Type
		scaler   *memory
		scale    float64
		clip     float64 // 0: none
		averaged bool
		first    bool // iteration
	}{
		{"plain", 1, false, F32, nil, 1, 0, false, true},
		{"nesterov, 16-bit copy", 1031, true, BF16, nil, 1, 0.25, true, false},
		{"scaled", 5000, true, F16, scaler(1024, 0), 1024, 0.75, true, true},
		{"bad step", 5000, true, F16, scaler(1024, 1), 1024, 0, false, false},
		{"bad step with an average", 5001, true, F16, scaler(1024, 1), 1024, 0, true, true},
	} {
		const decay, momentum, lr = 1e-2, 0.9, 0.3
		w, v, g := randoms(r, F32, c.n, 0, 1), randoms(r, F32, c.n, 0, 1), randoms(r, F32, c.n, 0, c.scale)
		cp := newMemory(c.copy, make([]float64, c.n))
		var clip *memory
		if c.clip > 0 {
			clip = floats(c.clip, 0)
		}
		w0, v0, cp0 := w.clone(), v.clone(), cp.clone()
		keep, step := 0.75, Step{LR: lr, Iteration: 5}
		var average, average0 *memory
		if c.averaged {
			average = randoms(r, F32, c.n, 0, 1)
			average0 = average.clone()
		}
		if c.first {
			step.Iteration = 0
		}
		run(t, SGDSpec{Momentum: momentum, WeightDecay: decay, Nesterov: c.nesterov, Copy: c.copy, Averaged: c.averaged, Keep: keep}, c.n,
			map[string]any{"average": average, "step": step.memory(), "scaler": c.scaler, "clip": clip, "w": w, "v": v, "g": g, "copy": cp, "n": c.n})
		if c.first {
			keep = 0
		}
		for i := 0; c.averaged && i < c.n; i++ {
			if want := keep*average0.at(i) + (1-keep)*w.at(i); !near(F32, average.at(i), want, 2e-6) {
				t.Fatalf("%s: average %d: want %v, have %v", c.name, i, want, average.at(i))
			}
		}
		if strings.HasPrefix(c.name, "bad step") {
			if string(w.data) != string(w0.data) || string(v.data) != string(v0.data) || string(cp.data) != string(cp0.data) {
				t.Errorf("%s: something changed", c.name)
			}
			continue
		}
		for i := range c.n {
			d := g.at(i)/c.scale*cmp.Or(c.clip, 1) + float64(float32(decay))*w0.at(i)
			m := float64(float32(momentum))*v0.at(i) + d
			step := m
			if c.nesterov {
				step = d + float64(float32(momentum))*m
			}
			want := w0.at(i) - float64(float32(lr))*step
			if !near(F32, v.at(i), m, 2e-6) || !near(F32, w.at(i), want, 2e-6) {
				t.Fatalf("%s: element %d: want %v and %v, have %v and %v", c.name, i, want, m, w.at(i), v.at(i))
			}
			if c.copy != F32 && cp.at(i) != rounded(c.copy, w.at(i)) {
				t.Fatalf("%s: copy %d: want %v, have %v", c.name, i, rounded(c.copy, w.at(i)), cp.at(i))
			}
		}
	}
}
