package bench

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	kernel "shake/csrc/cpu"
	"shake/internal/engine"
	"shake/internal/graph"
	"shake/nets"
)

// peak is the machine's fused multiply-add rate with all workers, in GFLOP/s, measured once a run.
var peak = sync.OnceValue(func() float64 {
	p := kernel.NewPool(0)
	defer p.Close()
	return kernel.MeasurePeak(p)
})

// convCase is one distinct convolution of a net after the passes.
type convCase struct {
	name string
	n    int
	spec kernel.ConvSpec
	macs float64 // of one image
}

// convCases lists the distinct convolutions that the CPU runs for a net at its own batch size.
func convCases(tb testing.TB, net string) []convCase {
	tb.Helper()
	spec, err := nets.Load(net)
	if err != nil {
		tb.Fatal(err)
	}
	g, err := graph.Build(spec)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := engine.NewPlan(g, 16)
	if err != nil {
		tb.Fatal(err)
	}
	seen := map[string]bool{}
	var out []convCase
	for _, s := range p.Forward {
		c, ok := s.(*engine.ConvStep)
		if !ok {
			continue
		}
		x, y := p.Graph.Values[c.Op.X.Value], p.Graph.Values[c.Op.Y]
		cs := convCase{n: spec.Train.Batch, spec: kernel.ConvSpec{
			N: spec.Train.Batch, XC: c.Op.X.C, H: x.H, W: x.W, YC: y.C, P: y.H, Q: y.W, Stride: c.Op.Stride,
		}}
		var parts []string
		at := 0
		for _, part := range c.Op.Parts {
			cs.spec.Parts = append(cs.spec.Parts, kernel.ConvPart{
				WOff: at, XOff: part.XOff, C: part.C, YOff: part.YOff, K: part.K, Groups: part.Groups,
				R: part.R, S: part.S, PadH: part.PadH, PadW: part.PadW,
			})
			w := part.K * (part.C / part.Groups) * part.R * part.S
			at += w
			cs.macs += float64(w * y.H * y.W)
			parts = append(parts, fmt.Sprintf("%d-%dk%dg%d", part.C, part.K, part.R, part.Groups))
		}
		cs.name = fmt.Sprintf("C%d:%s/%dx%ds%d", c.Op.X.C, strings.Join(parts, "+"), x.H, x.W, c.Op.Stride)
		if !seen[cs.name] {
			seen[cs.name] = true
			out = append(out, cs)
		}
	}
	return out
}

// BenchmarkConv runs every distinct convolution of the nets forward, for the weights (dw), and for
// weights and data together (dw+dx), with the engine's choice of algorithm and with direct
// convolution throughout.
func BenchmarkConv(b *testing.B) {
	for _, net := range []string{"26-2x32d", "26-2x96d", "resnext29"} {
		for _, c := range convCases(b, net) {
			b.Run(net+"/"+c.name, func(b *testing.B) { benchConv(b, c) })
			c.spec.Direct = true
			b.Run(net+"/"+c.name+"/direct", func(b *testing.B) { benchConv(b, c) })
		}
	}
}

func benchConv(b *testing.B, c convCase) {
	p := kernel.NewPool(0)
	defer p.Close()
	s := c.spec
	xf, yf := kernel.TensorFloats(c.n, s.XC, s.H, s.W), kernel.TensorFloats(c.n, s.YC, s.P, s.Q)
	wf := int64(0)
	for _, part := range s.Parts {
		wf += int64(part.K * (part.C / part.Groups) * part.R * part.S)
	}
	mem := arena(b, 2*xf+2*yf+2*wf+64)
	defer mem.Close()
	x, dx := mem.Tensor(0, c.n, s.XC, s.H, s.W), mem.Tensor(xf, c.n, s.XC, s.H, s.W)
	y, dy := mem.Tensor(2*xf, c.n, s.YC, s.P, s.Q), mem.Tensor(2*xf+yf, c.n, s.YC, s.P, s.Q)
	w, dw := mem.Floats(2*xf+2*yf, wf), mem.Floats(2*xf+2*yf+wf, wf)
	ramp(w)
	for i := range c.n {
		fill(x, i, s.XC*s.H*s.W)
		fill(dy, i, s.YC*s.P*s.Q)
	}
	batch := kernel.NewBatch(p, c.n, 1)
	batch.Set(c.n)
	conv, err := kernel.NewConv(p, s)
	if err != nil {
		b.Fatal(err)
	}
	conv.Pack(w)
	view := kernel.View{T: x, C: s.XC, ReLU: true}
	grads := []kernel.Grad{{G: dy, C: s.YC}}
	forward := conv.ForwardOp(view, y, nil)
	weights := conv.BackwardOp(view, grads, nil, nil)
	both := conv.BackwardOp(view, grads, &kernel.ConvDX{G: dx, ReLU: true}, nil)
	for _, d := range []struct {
		name string
		flop float64
		run  func()
	}{
		{"forward", 2, func() { forward.Run(batch) }},
		{"dw", 2, func() { weights.Run(batch, dw) }},
		{"dw+dx", 4, func() { both.Run(batch, dw) }},
	} {
		b.Run(d.name, func(b *testing.B) {
			for b.Loop() {
				d.run()
			}
			rate := d.flop * c.macs * float64(c.n) * float64(b.N) / b.Elapsed().Seconds() / 1e9
			b.ReportMetric(rate, "GFLOP/s")
			b.ReportMetric(100*rate/peak(), "%peak")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// ramp fills x with small values of both signs; speed must not depend on them, but denormals would.
func ramp(x []float32) {
	for i := range x {
		x[i] = float32(i*7919%211-105) / 256
	}
}

func fill(t *kernel.Tensor, i, n int) {
	v := make([]float32, n)
	ramp(v)
	t.Set(i, v)
}
