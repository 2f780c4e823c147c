package gpu_test

import (
	"testing"

	"shake/csrc/emu"
	"shake/internal/engine/cpu"
	"shake/internal/engine/gpu"
	"shake/internal/exhaustive"
	"shake/internal/graph/graphtest"
)

// With our kernel for every convolution that has a view or statistics beside it, a training, ragged
// batches among its steps, ends as near to the CPU engine's as with cuDNN; the first step differs
// from cuDNN's.
func TestOwnConv(t *testing.T) {
	require(t)
	exhaustive.Only(t)
	for _, c := range []struct {
		family, precision string
		limit             float64
	}{
		{"26", "bf16", 3e-3},
		{"26", "fp16", 1e-3},
		{"resnext", "bf16", 3e-3},
	} {
		t.Run(c.family+"/"+c.precision, func(t *testing.T) {
			s := graphtest.Small(c.family, 16, 1)
			own := program(t, gpu.Backend{Precision: c.precision, Rivals: []string{gpu.OwnConv}}, s)
			taken, all := gpu.Taken(own)
			if len(taken) != 1 || taken[gpu.OwnConv] == 0 || taken[gpu.OwnConv] != all[gpu.OwnConv] {
				t.Fatalf("taken are %v of %v", taken, all)
			}
			library := program(t, gpu.Backend{Precision: c.precision, Rivals: []string{}}, s)
			want := program(t, cpu.Backend{}, s)
			start, n := state(t, want), params(t, s)
			train(t, own, 0.005, 0, 1)
			train(t, library, 0.005, 0, 1)
			if d := distance(state(t, own), state(t, library), n); d == 0 {
				t.Error("the parameters after a step are those of cuDNN to the bit, so this was cuDNN")
			}
			train(t, own, 0.005, 1, 10)
			train(t, want, 0.005, 0, 10)
			end := state(t, want)
			d, moved := distance(state(t, own), end, n), distance(end, start, n)
			t.Logf("%d convolutions: %.2g apart after moving %.2g", taken[gpu.OwnConv], d, moved)
			if !(d <= c.limit) || moved < 2*c.limit {
				t.Errorf("after ten steps %.2g apart, want %.2g at most, and less than half of the way, %.2g", d, c.limit, moved)
			}
		})
	}
}

// A card before sm_80 has no such kernel: it is not even compiled there.
func TestOwnConvOldCard(t *testing.T) {
	require(t)
	exhaustive.Only(t)
	emu.With(t, "cc=7.5")
	p := program(t, gpu.Backend{Precision: "fp16", Rivals: []string{gpu.OwnConv}}, graphtest.Small("26", 16, 1))
	if taken, all := gpu.Taken(p); len(taken) != 0 || len(all) != 0 {
		t.Errorf("taken are %v of %v", taken, all)
	}
}
