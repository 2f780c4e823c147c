package gpu

import (
	"math"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/internal/engine"
)

// TestPackedBytes holds the model's packing to the workspaces of the real library (9.28 on the
// H100) for calls with groups, in megabytes. Where an engine needs a little more, or its rivals
// pack though it need not, the model has the least of both.
func TestPackedBytes(t *testing.T) {
	for _, c := range []struct {
		batch, size, in, out, groups, stride int
		forward, data                        float64 // 0: nothing is packed
	}{
		{128, 32, 192, 192, 2, 1, 134.8, 134.8},
		{128, 16, 384, 384, 2, 1, 69.5, 69.5}, // the data gradient's engine packs without padding: 50.3
		{128, 8, 768, 768, 2, 1, 25.2, 25.2},
		{32, 16, 1024, 1024, 2, 1, 33.6, 33.6},
		{32, 8, 2048, 2048, 2, 1, 16.8, 16.8},
		{128, 32, 64, 64, 2, 1, 0, 0},
		{128, 8, 512, 512, 2, 1, 0, 0},
		{32, 32, 1024, 1024, 8, 2, 0, 83.9},
		{32, 32, 1024, 1024, 1, 2, 0, 0},
	} {
		b := func(channels, size int) engine.Buffer { return engine.Buffer{C: channels, H: size, W: size} }
		l := &List{Batch: c.batch, Type: kernels.BF16, Plan: &engine.Plan{Buffers: []engine.Buffer{b(c.in, c.size), b(c.out, c.size/c.stride)}}}
		call := Call{C: c.in, K: c.out, Groups: c.groups, R: 3, S: 3, Stride: c.stride}
		for _, x := range []struct {
			op   Op
			want float64
		}{{&Conv{call, Part{0, 0, c.in}, Part{1, 0, c.out}}, c.forward}, {&ConvData{call, Part{1, 0, c.out}, Part{0, 0, c.in}}, c.data}, {&ConvFilter{Call: call}, 0}} {
			if have := float64(l.packing(x.op)) / 1e6; math.Abs(have-x.want) > 0.04*x.want {
				t.Errorf("%T of %d to %d channels in %d groups, %dx%d: %.1f MB, want %.1f", x.op, c.in, c.out, c.groups, c.size, c.size, have, x.want)
			}
		}
	}
}
