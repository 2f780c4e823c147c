package gpu_test

import (
	"testing"

	"shake/csrc/emu"
	"shake/internal/engine/gpu"
	"shake/internal/exhaustive"
	"shake/internal/graph/graphtest"
)

// With our kernel for every convolution that has a view or statistics beside it, the first step
// differs from cuDNN's. TestRivalsCompute trains with it.
func TestOwnConv(t *testing.T) {
	require(t)
	exhaustive.Only(t)
	for _, c := range []struct{ family, precision string }{{"26", "bf16"}, {"26", "fp16"}, {"resnext", "bf16"}} {
		t.Run(c.family+"/"+c.precision, func(t *testing.T) {
			s := graphtest.Small(c.family, 16, 1)
			own := program(t, gpu.Backend{Precision: c.precision, Rivals: []string{gpu.OwnConv}}, s)
			library := program(t, gpu.Backend{Precision: c.precision, Rivals: []string{}}, s)
			train(t, own, 0.005, 0, 1)
			train(t, library, 0.005, 0, 1)
			if d := distance(state(t, own), state(t, library), params(t, s)); d == 0 {
				t.Error("the parameters after a step are those of cuDNN to the bit, so this was cuDNN")
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
