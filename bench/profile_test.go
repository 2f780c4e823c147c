package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"shake/internal/engine"
	"shake/internal/engine/cpu"
	"shake/internal/graph"
	"shake/nets"
)

// BenchmarkProfile breaks the time of a training step down by operation. It reports processor time
// of all workers, waiting in a spin included. It reports arithmetic as of direct convolution and as
// per cent of the peak of one core, so that Winograd can pass 100. It reports bytes of the tensors
// that the operation reads and writes, each once. (go test -run NONE -bench Profile -benchtime 3x
// -v ./bench)
func BenchmarkProfile(b *testing.B) {
	for net, images := range map[string]int{"26-2x32d": 128, "26-2x96d": 32, "resnext29": 32} {
		b.Run(net, func(b *testing.B) { benchProfile(b, net, images) })
	}
}

// spent is the cost of the operations of one kind and shape.
type spent struct {
	name       string
	calls      int
	time       time.Duration
	macs, byte float64
}

func benchProfile(b *testing.B, net string, images int) {
	spec, err := nets.Load(net)
	if err != nil {
		b.Fatal(err)
	}
	g, err := graph.Build(spec)
	if err != nil {
		b.Fatal(err)
	}
	plan, err := engine.NewPlan(g, 16)
	if err != nil {
		b.Fatal(err)
	}
	prog, batch, step := stepper(b, net, images, cpu.Backend{}, "")
	kinds := map[string]*spent{}
	inside := time.Duration(0)
	prog.(interface {
		Trace(func(engine.PlanStep, func()))
	}).Trace(func(s engine.PlanStep, run func()) {
		name, macs, floats := operation(plan, s)
		if kinds[name] == nil {
			kinds[name] = &spent{name: name}
		}
		from := cpuTime()
		run()
		took := cpuTime() - from
		inside += took
		k := kinds[name]
		k.calls, k.time, k.macs, k.byte = k.calls+1, k.time+took, k.macs+macs, k.byte+4*floats
	})
	whole := time.Duration(0)
	for b.Loop() {
		from := cpuTime()
		step()
		whole += cpuTime() - from
	}
	kinds["augment, draw, pack, sgd"] = &spent{name: "augment, draw, pack, sgd", calls: b.N, time: whole - inside}
	var out []*spent
	for _, k := range kinds {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b *spent) int { return cmp.Or(cmp.Compare(b.time, a.time), cmp.Compare(a.name, b.name)) })
	core := peak() / float64(prog.Info().Workers)
	var table strings.Builder
	fmt.Fprintf(&table, "%s, %s: %.2f ms of processor time an image; peak %.0f GFLOP/s a core\n", net, prog.Info().Detail,
		1e3*whole.Seconds()/float64(b.N*batch), core)
	fmt.Fprintf(&table, "%-62s %5s %6s %9s %6s %7s %7s\n", "", "calls", "share", "us/image", "%peak", "MB/im.", "GB/s")
	for _, k := range out {
		images := float64(b.N * batch)
		rate := 2 * k.macs * float64(batch) / k.time.Seconds() / 1e9
		fmt.Fprintf(&table, "%-62s %5d %5.1f%% %9.1f %6.0f %7.2f %7.1f\n", k.name, k.calls/b.N, 100*k.time.Seconds()/whole.Seconds(),
			1e6*k.time.Seconds()/images, 100*rate/core, k.byte/1e6/float64(b.N), k.byte*float64(batch)/k.time.Seconds()/1e9)
	}
	b.Log("\n" + table.String())
	b.ReportMetric(0, "ns/op")
}

// operation names a step, and returns its multiplications an image and the floats that it reads and
// writes.
func operation(p *engine.Plan, s engine.PlanStep) (name string, macs, floats float64) {
	size := func(b engine.BufID, c int) float64 { return float64(c * p.Buffers[b].H * p.Buffers[b].W) }
	grad := func(g engine.Grad) float64 {
		n := size(g.Buf, g.C)
		for _, b := range []engine.BufID{g.Mask, g.Y} {
			if b != engine.None {
				n += size(b, g.C)
			}
		}
		return n
	}
	out := func(o *engine.GradOut) float64 {
		n := size(o.Buf, o.C)
		if o.Accumulate {
			n *= 2
		}
		if o.ReLU {
			n += size(o.Buf, o.C)
		}
		if o.Residual != nil {
			n += grad(*o.Residual)
		}
		return n
	}
	conv := func(op *graph.Conv) string {
		var parts []string
		x, y := p.Graph.Values[op.X.Value], p.Graph.Values[op.Y]
		for _, t := range op.Parts {
			macs += float64(t.K * t.C / t.Groups * t.R * t.S * y.H * y.W)
			if text := fmt.Sprintf("%d-%dk%dg%d", t.C, t.K, t.R, t.Groups); len(parts) == 0 || parts[len(parts)-1] != text {
				parts = append(parts, text)
			}
		}
		return fmt.Sprintf("%dx %s @%ds%d", len(op.Parts), strings.Join(parts, " "), x.H, op.Stride)
	}
	switch s := s.(type) {
	case *engine.ConvStep:
		return "conv " + conv(s.Op), macs, size(s.X.Buf, s.X.C) + size(s.Y, p.Buffers[s.Y].C)
	case *engine.ConvBackStep:
		name, floats = "back "+conv(s.Op), size(s.X.Buf, s.X.C)
		for _, g := range s.DY {
			floats += grad(g)
		}
		if s.DX != nil {
			return name, 2 * macs, floats + out(s.DX)
		}
		return name, macs, floats
	case *engine.JoinStep:
		floats = size(s.Y, p.Buffers[s.Y].C)
		for _, v := range s.Branches {
			floats += size(v.Buf, v.C)
		}
		if s.Skip != nil {
			floats += size(s.Skip.Buf, s.Skip.C)
		}
		return fmt.Sprintf("join @%d", p.Buffers[s.Y].H), 0, floats
	case *engine.GradSumStep:
		floats = size(s.Buf, s.C)
		for _, g := range s.Terms {
			floats += grad(g)
		}
		return fmt.Sprintf("gradient of a join @%d", p.Buffers[s.Buf].H), 0, floats
	case *engine.SumsStep:
		for _, t := range s.Sums {
			floats += grad(t.Of)
		}
		return "sums", 0, floats
	default:
		return strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", s), "*engine."), "Step")), 0, 0
	}
}
