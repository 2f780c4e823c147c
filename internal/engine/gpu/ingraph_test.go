package gpu

import (
	"testing"
	"time"

	"shake/cudnn/cupti"
)

// Kernels of a graph belong to the ops that launched the like by themselves, in order; kernels that
// no op launched are counted, and times are means of the graph's launches.
func TestDivide(t *testing.T) {
	at := func(name string, call uint32, mark, node uint64, from, to int) cupti.Kernel {
		return cupti.Kernel{Name: name, Call: call, Mark: mark, Node: node, Start: time.Duration(from), End: time.Duration(to)}
	}
	g := divide([]cupti.Kernel{
		// Op 0 launches conv, op 2 conv and norm, and something that is not marked launches a copy.
		at("copy", 9, 0, 0, 5, 6), at("conv", 10, 1, 0, 10, 90), at("conv", 12, 3, 0, 20, 90), at("norm", 13, 3, 0, 30, 90),
		at("conv", 20, 0, 1, 100, 110), at("conv", 20, 0, 2, 105, 125), at("norm", 20, 0, 3, 130, 140), at("other", 20, 0, 4, 135, 138),
		at("conv", 21, 0, 1, 200, 220), at("conv", 21, 0, 2, 220, 240), at("norm", 21, 0, 3, 240, 260), at("other", 21, 0, 4, 260, 262),
	}, 4)
	want := []time.Duration{15, 0, 35, 0}
	for i, w := range want {
		if g.Ops[i] != w {
			t.Errorf("op %d: %d, want %d", i, g.Ops[i], w)
		}
	}
	if g.Kernels != 4 || g.Unknown != 1 || g.Sum != (10+20+10+3+20+20+20+2)/2 || g.Busy != (25+10+62)/2 {
		t.Errorf("%+v", g)
	}
}
