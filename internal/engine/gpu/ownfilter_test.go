package gpu_test

import (
	"testing"

	"shake/csrc/emu"
	"shake/internal/engine/cpu"
	"shake/internal/engine/gpu"
	"shake/internal/exhaustive"
	"shake/internal/graph/graphtest"
)

// With our kernels for every weight gradient, the first step differs from cuDNN's in the order of
// float32 sums and, where cuDNN's engine stores dw in 16 bits, in its rounding. Forward pass and
// data gradients have the same bits, so the momentum of norms and of the classifier has too. After
// ten steps, ragged batches among them, a training is as near to the CPU engine's as with cuDNN.
func TestOwnFilter(t *testing.T) {
	require(t)
	for _, c := range []struct {
		family, precision string
		rounding, limit   float64
	}{
		{"26", "bf16", 0x1p-8, 3e-3},
		{"26", "fp16", 0x1p-11, 1e-3},
		{"resnext", "bf16", 0x1p-8, 3e-3},
	} {
		t.Run(c.family+"/"+c.precision, func(t *testing.T) {
			if c.family != "26" || c.precision != "bf16" {
				exhaustive.Only(t)
			}
			s := graphtest.Small(c.family, 16, 1)
			own := program(t, gpu.Backend{Precision: c.precision, Rivals: []string{gpu.OwnFilter}}, s)
			taken, all := gpu.Taken(own)
			if len(taken) != 1 || taken[gpu.OwnFilter] == 0 || taken[gpu.OwnFilter] != all[gpu.OwnFilter] {
				t.Fatalf("taken are %v of %v", taken, all)
			}
			library := program(t, gpu.Backend{Precision: c.precision, Rivals: []string{}}, s)
			want := program(t, cpu.Backend{}, s)
			start, n := state(t, want), params(t, s)
			train(t, own, 0.005, 0, 1)
			train(t, library, 0.005, 0, 1)
			have, other := state(t, own)[n:2*n], state(t, library)[n:2*n]
			far := 0.0
			for i, w := range other {
				d := distance(have[i:], other[i:], 1)
				far = max(far, d)
				if d > 0 && len(w.Shape) != 4 || !(d <= c.rounding) {
					t.Errorf("momentum of %s is %.2g apart: want %.2g for a filter, rounded to 16 bits by one of the two, else the same", w.Name, d, c.rounding)
				}
			}
			t.Logf("%d weight gradients: momenta %.2g apart after a step", taken[gpu.OwnFilter], far)
			if far == 0 {
				t.Error("all momenta are the same to the bit, so this was cuDNN's kernel")
			}
			train(t, own, 0.005, 1, 10)
			train(t, want, 0.005, 0, 10)
			end := state(t, want)
			d, moved := distance(state(t, own), end, n), distance(end, start, n)
			t.Logf("%.2g apart after moving %.2g", d, moved)
			if !(d <= c.limit) || moved < 2*c.limit {
				t.Errorf("after ten steps %.2g apart, want %.2g at most, and less than half of the way, %.2g", d, c.limit, moved)
			}
		})
	}
}

// A card before sm_80 has no such kernel: it is not even compiled there.
func TestOwnFilterOldCard(t *testing.T) {
	require(t)
	exhaustive.Only(t)
	emu.With(t, "cc=7.5")
	p := program(t, gpu.Backend{Precision: "fp16", Rivals: []string{gpu.OwnFilter}}, graphtest.Small("26", 16, 1))
	if taken, all := gpu.Taken(p); len(taken) != 0 || len(all) != 0 {
		t.Errorf("taken are %v of %v", taken, all)
	}
}
