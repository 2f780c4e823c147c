package cpu

import (
	"fmt"
	"testing"
)

// The convolutions of 26 2x32d as the passes leave them, at batch 128: first convs of both branches merged (with the skip's flows where the shape
// changes), second convs grouped.
var benchConvs = []struct {
	name string
	spec ConvSpec
}{
	{"C3H32K16", square(3, 32, 1, part(3, 16, 1, 3))},
	{"C16H32K64flow32", square(16, 32, 1, part(16, 64, 1, 3), flow(16, 16, 0), flow(16, 16, 1))},
	{"C32H32K64", square(32, 32, 1, part(32, 64, 1, 3))},
	{"C64H32K64G2", square(64, 32, 1, part(64, 64, 2, 3))},
	{"C32H32K128flow64S2", square(32, 32, 2, part(32, 128, 1, 3), flow(32, 32, 0), flow(32, 32, 1))},
	{"C64H16K128", square(64, 16, 1, part(64, 128, 1, 3))},
	{"C128H16K128G2", square(128, 16, 1, part(128, 128, 2, 3))},
	{"C64H16K256flow128S2", square(64, 16, 2, part(64, 256, 1, 3), flow(64, 64, 0), flow(64, 64, 1))},
	{"C128H8K256", square(128, 8, 1, part(128, 256, 1, 3))},
	{"C256H8K256G2", square(256, 8, 1, part(256, 256, 2, 3))},
}

func part(c, k, groups, r int) ConvPart {
	return ConvPart{C: c, K: k, Groups: groups, R: r, S: r, PadH: r / 2, PadW: r / 2}
}

func flow(c, k, pad int) ConvPart {
	return ConvPart{C: c, K: k, Groups: 1, R: 1, S: 1, PadH: pad, PadW: pad}
}

// square stacks parts over c channels of h×h.
func square(c, h, stride int, parts ...ConvPart) ConvSpec {
	s := ConvSpec{N: 128, XC: c, H: h, W: h, P: h / stride, Q: h / stride, Stride: stride, Parts: parts}
	weights := 0
	for i := range parts {
		parts[i].YOff, parts[i].WOff = s.YC, weights
		s.YC += parts[i].K
		weights += parts[i].weights()
	}
	return s
}

func (p ConvPart) weights() int { return p.K * p.C / p.Groups * p.R * p.S }

func BenchmarkConv(b *testing.B) {
	isa, err := ISA()
	if err != nil {
		b.Fatal(err)
	}
	pool := NewPool(0)
	defer pool.Close()
	for _, c := range benchConvs {
		benchConv(b, pool, fmt.Sprintf("N%d%s/%s", c.spec.N, c.name, isa), c.spec)
	}
}

func benchConv(b *testing.B, pool *Pool, name string, s ConvSpec) {
	size := func(c, h, w int) int64 { return TensorFloats(s.N, c, h, w) }
	x, y := size(s.XC, s.H, s.W), size(s.YC, s.P, s.Q)
	a := arenaOf(2*x + 2*y)
	defer a.Close()
	for i, f := 0, a.Floats(0, 2*x+2*y); i < len(f); i++ {
		f[i] = float32(i%1021)/1021 - 0.5
	}
	in, dx := a.Tensor(0, s.N, s.XC, s.H, s.W), a.Tensor(x, s.N, s.XC, s.H, s.W)
	out, dy := a.Tensor(2*x, s.N, s.YC, s.P, s.Q), a.Tensor(2*x+y, s.N, s.YC, s.P, s.Q)
	batch := NewBatch(pool, s.N, 2)
	batch.Set(s.N)
	conv, err := NewConv(pool, s)
	if err != nil {
		b.Fatal(err)
	}
	weights, flops := 0, 0.0
	for _, p := range s.Parts {
		weights += p.weights()
		flops += 2 * float64(s.N*p.weights()*s.P*s.Q)
	}
	params, grads := make([]float32, weights), make([]float32, weights)
	for i := range params {
		params[i] = float32(i%13)/13 - 0.5
	}
	conv.Pack(params)
	view, grad := View{T: in, C: s.XC, ReLU: true}, []Grad{{G: dy, C: s.YC}}
	forward := conv.ForwardOp(view, out, nil)
	backward := conv.BackwardOp(view, grad, &ConvDX{G: dx, ReLU: true}, nil)
	weight := conv.BackwardOp(view, grad, nil, nil)
	for _, d := range []struct {
		name  string
		flops float64
		run   func()
	}{
		{"Forward", flops, func() { forward.Run(batch) }},
		{"Backward", 2 * flops, func() { backward.Run(batch, grads) }},
		{"BackwardWeights", flops, func() { weight.Run(batch, grads) }},
	} {
		b.Run(d.name+"/"+name, func(b *testing.B) {
			peak := MeasurePeak(pool)
			for b.Loop() {
				d.run()
			}
			g := d.flops * float64(b.N) / b.Elapsed().Seconds() / 1e9
			b.ReportMetric(g, "GFLOP/s")
			b.ReportMetric(100*g/peak, "%peak")
		})
	}
}

func BenchmarkDispatch(b *testing.B) {
	pool := NewPool(0)
	defer pool.Close()
	for b.Loop() {
		dispatch(pool)
	}
}
