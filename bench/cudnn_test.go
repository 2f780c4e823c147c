package bench

import (
	"fmt"
	"testing"

	"shake/cudnn"
	"shake/cudnn/cuda"
	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/gpu"
	"shake/internal/graph"
	"shake/nets"
)

// cardConv is one distinct convolution of a net in one direction, with the arguments of cuDNN.
type cardConv struct {
	name    string
	x, w, y cudnn.TensorDesc
	desc    cudnn.ConvDesc
	plans   func(h *cudnn.Handle, c *cardConv, o ...cudnn.Option) ([]*cudnn.Plan, error)
	tensors func(c *cardConv) [3]cudnn.TensorDesc // in the order of the pointers
}

// directions are the three, each with the order of its pointers.
var directions = map[string]cardConv{
	"forward": {plans: func(h *cudnn.Handle, c *cardConv, o ...cudnn.Option) ([]*cudnn.Plan, error) {
		return h.ConvForwardPlans(c.x, c.w, c.y, c.desc, o...)
	}, tensors: func(c *cardConv) [3]cudnn.TensorDesc { return [3]cudnn.TensorDesc{c.x, c.w, c.y} }},
	"dx": {plans: func(h *cudnn.Handle, c *cardConv, o ...cudnn.Option) ([]*cudnn.Plan, error) {
		return h.ConvBackwardDataPlans(c.y, c.w, c.x, c.desc, o...)
	}, tensors: func(c *cardConv) [3]cudnn.TensorDesc { return [3]cudnn.TensorDesc{c.y, c.w, c.x} }},
	"dw": {plans: func(h *cudnn.Handle, c *cardConv, o ...cudnn.Option) ([]*cudnn.Plan, error) {
		return h.ConvBackwardFilterPlans(c.x, c.y, f32(c.w), c.desc, o...)
	}, tensors: func(c *cardConv) [3]cudnn.TensorDesc { return [3]cudnn.TensorDesc{c.x, c.y, f32(c.w)} }},
}

func f32(d cudnn.TensorDesc) cudnn.TensorDesc {
	d.Type = cudnn.F32
	return d
}

// describe names a convolution by its shape, and says if it reads or writes a slice of wider
// tensors.
func describe(l *gpu.List, c gpu.Call, x, y gpu.Part) string {
	s := fmt.Sprintf("N%dC%dH%dK%dR%ds%dg%d", l.Batch, x.C, l.Plan.Buffers[x.Buf].H, c.K, c.R, c.Stride, c.Groups)
	for _, p := range []gpu.Part{x, y} {
		if p.C != (l.Plan.Buffers[p.Buf].C+7)/8*8 {
			return s + "-slice"
		}
	}
	return s
}

// cardNet is a network in its own batch, or in that of SHAKE_BENCH_BATCH, if set.
func cardNet(b *testing.B, net string) *dsl.Spec {
	b.Helper()
	spec := must(nets.Load(net))(b)
	if err := setBatch(spec, 0); err != nil {
		b.Fatal(err)
	}
	return spec
}

// cardConvs lists the distinct convolutions of a net's training step on a card, in the layouts of
// the step.
func cardConvs(b *testing.B, net, precision string) []cardConv {
	b.Helper()
	types := map[string]cudnn.DataType{"bf16": cudnn.BF16, "fp16": cudnn.F16, "tf32": cudnn.F32, "fp32": cudnn.F32}
	typ, compute := types[precision], cudnn.F32
	if precision == "tf32" {
		compute = cudnn.TF32
	}
	spec := cardNet(b, net)
	n := spec.Train.Batch
	l := must(gpu.ListFor(must(graph.Build(spec))(b), engine.Config{Precision: precision, Batch: n, Replicas: spec.Train.Replicas}))(b)
	seen := map[string]bool{}
	var out []cardConv
	add := func(direction string, call gpu.Call, x, y gpu.Part) {
		c := directions[direction]
		tensor := func(p gpu.Part) cudnn.TensorDesc {
			buf := l.Plan.Buffers[p.Buf]
			h, w, pitch := int64(buf.H), int64(buf.W), int64((buf.C+7)/8*8)
			return cudnn.TensorDesc{Dims: []int64{int64(n), int64(p.C), h, w}, Strides: []int64{h * w * pitch, 1, w * pitch, pitch}, Type: typ}
		}
		c.x, c.y, c.w = tensor(x), tensor(y), cudnn.NHWC(call.K, call.C/call.Groups, call.R, call.S, typ)
		c.desc = cudnn.ConvDesc{Pad: [2]int{call.PadH, call.PadW}, Stride: [2]int{call.Stride, call.Stride}, Groups: call.Groups, Compute: compute}
		c.name = describe(l, call, x, y) + "/" + direction
		if !seen[c.name] {
			seen[c.name] = true
			out = append(out, c)
		}
	}
	for _, o := range l.Ops {
		switch o := o.(type) {
		case *gpu.Conv:
			add("forward", o.Call, o.X, o.Y)
		case *gpu.ConvData:
			add("dx", o.Call, o.DX, o.DY)
		case *gpu.ConvFilter:
			add("dw", o.Call, o.X, o.DY)
		}
	}
	return out
}

// eachTensorList calls f for the nets and precisions of our kernels on tensor cores, with the list
// of a step and its distinct convolutions by name.
func eachTensorList(b *testing.B, f func(net, precision string, l *gpu.List, convs map[string]cardConv)) {
	b.Helper()
	for _, net := range []string{"26-2x32d", "26-2x64d", "26-2x96d", "resnext29"} {
		spec := cardNet(b, net)
		for _, precision := range []string{"bf16", "fp16"} {
			l := must(gpu.ListFor(must(graph.Build(spec))(b), engine.Config{Precision: precision, Batch: spec.Train.Batch, Replicas: spec.Train.Replicas}))(b)
			convs := map[string]cardConv{}
			for _, conv := range cardConvs(b, net, precision) {
				convs[conv.name] = conv
			}
			f(net, precision, l, convs)
		}
	}
}

// reportConv reports a convolution that takes so many seconds.
func (c *card) reportConv(b *testing.B, conv *cardConv, precision string, s float64) {
	b.Helper()
	b.ReportMetric(s*1e6, "us")
	b.ReportMetric(conv.flops()/s/1e12, "TFLOP/s")
	if peak := c.peakFLOPS(b, precision); peak > 0 {
		b.ReportMetric(100*conv.flops()/s/peak, "%peak")
	}
	b.ReportMetric(0, "ns/op") // the host's time, which has no meaning here
}

// flops is the number of multiplications and additions of the convolution, in any direction.
func (c *cardConv) flops() float64 {
	return 2 * float64(c.y.Elements()) * float64(c.w.Elements()) / float64(c.w.Dims[0])
}

// peakFLOPS is the card's peak rate at its greatest clock in the given type: additions and
// multiplications a cycle and multiprocessor, from NVIDIA's papers on each architecture, dense,
// with sums in float32. 0: unknown.
func (c *card) peakFLOPS(b *testing.B, precision string) float64 {
	b.Helper()
	d := c.ctx.Device()
	major, minor := d.ComputeCapability()
	cycle := map[[2]int]float64{{8, 0}: 2048, {8, 6}: 512, {8, 9}: 512, {9, 0}: 4096, {10, 0}: 8192, {12, 0}: 512}[[2]int{major, minor}]
	switch precision {
	case "tf32":
		cycle /= 2
	case "fp32":
		cycle = map[bool]float64{true: 128, false: 256}[major == 8 && minor == 0]
	}
	return cycle * float64(d.SMs()) * float64(must(d.Attribute(cuda.ClockRate))(b)) * 1e3
}

// memory is bytes of zeros on the card, freed at the end of the benchmark.
func (c *card) memory(b *testing.B, bytes int64) cuda.Ptr {
	b.Helper()
	m := must(c.ctx.Alloc(bytes))(b)
	b.Cleanup(func() { m.Close() })
	if err := c.s.Memset8(m.Ptr(), 0, bytes); err != nil {
		b.Fatal(err)
	}
	return m.Ptr()
}

// dnn is cuDNN on the benchmark's own thread.
func (c *card) dnn(b *testing.B) *cudnn.Handle {
	b.Helper()
	c.here(b)
	h := must(cudnn.New(c.ctx))(b)
	b.Cleanup(func() { h.Close() })
	if err := h.SetStream(c.s); err != nil {
		b.Fatal(err)
	}
	return h
}

// BenchmarkCardConv times every distinct convolution of the nets' steps by the card's events, in
// each direction, with the fastest of cuDNN's engines. It reports TFLOP/s and per cent of the peak
// of the card's tensor cores. dw is stored in float32.
func BenchmarkCardConv(b *testing.B) {
	c := openCard(b)
	for _, net := range []string{"26-2x32d", "26-2x64d", "26-2x96d", "resnext29"} {
		for _, precision := range []string{"bf16", "fp16", "tf32", "fp32"} {
			for _, conv := range cardConvs(b, net, precision) {
				b.Run(net+"/"+precision+"/"+conv.name, func(b *testing.B) { c.benchConv(b, &conv, precision) })
			}
		}
	}
}

// fastest runs a convolution by the fastest of cuDNN's engines.
func (c *card) fastest(b *testing.B, conv *cardConv) (run func(*cuda.Stream) error, timings []cudnn.Timing) {
	b.Helper()
	h := c.dnn(b)
	plans := must(conv.plans(h, conv, cudnn.Candidates(6)))(b)
	room, ptrs := int64(256), [3]cuda.Ptr{}
	for i, d := range conv.tensors(conv) {
		ptrs[i] = c.memory(b, d.Bytes())
	}
	for _, p := range plans {
		b.Cleanup(func() { p.Close() })
		room = max(room, p.Workspace())
	}
	workspace := c.memory(b, room)
	timings = must(h.Autotune(plans, workspace, ptrs[:]...))(b)
	return func(*cuda.Stream) error { return timings[0].Plan.Run(workspace, ptrs[:]...) }, timings
}

func (c *card) benchConv(b *testing.B, conv *cardConv, precision string) {
	run, timings := c.fastest(b, conv)
	best := timings[0].Plan
	s := c.seconds(b, run, b.Loop)
	b.ReportMetric(float64(best.Workspace())/1e6, "MB-workspace")
	c.reportConv(b, conv, precision, s)
	b.Logf("%s; the slowest of %d: %v", best.Engine(), len(timings), timings[len(timings)-1].Time)
}

// BenchmarkCardCudnnNorm is cuDNN's own batch norm on the maps of BenchmarkCardNorm, all images as
// one group, against a copy of as many bytes. Forward reads x and writes y; backward reads x and dy
// and writes dx.
func BenchmarkCardCudnnNorm(b *testing.B) {
	c := openCard(b)
	for _, n := range []int{64, 128, 1024} {
		for _, m := range []struct{ c, hw int }{{32, 32}, {64, 16}, {128, 8}, {64, 32}, {128, 16}, {256, 8}, {96, 32}, {192, 16}, {384, 8}, {1024, 8}} {
			for _, typ := range []cudnn.DataType{cudnn.BF16, cudnn.F32} {
				d := cudnn.NHWC(n, m.c, m.hw, m.hw, typ)
				name := fmt.Sprintf("N%dC%dH%d/%v", n, m.c, m.hw, typ)
				b.Run("forward/"+name, func(b *testing.B) { c.benchGraph(b, cudnn.BatchNormForwardGraph(d, d, cudnn.NormDesc{}), 2*d.Bytes()) })
				b.Run("forward-relu/"+name, func(b *testing.B) {
					c.benchGraph(b, cudnn.BatchNormForwardGraph(d, d, cudnn.NormDesc{ReLU: true}), 2*d.Bytes())
				})
				b.Run("backward/"+name, func(b *testing.B) {
					c.benchGraph(b, cudnn.BatchNormBackwardGraph(d, d, d, cudnn.NormDesc{}), 3*d.Bytes())
				})
			}
		}
	}
}

// benchGraph times a graph's first plan and compares it with a copy of as many bytes as it must
// move.
func (c *card) benchGraph(b *testing.B, g *cudnn.Graph, bytes int64) {
	h := c.dnn(b)
	yardstick := c.yardstick(b, bytes)
	p := must(h.Plan(g))(b)
	defer p.Close()
	var ptrs []cuda.Ptr
	for _, d := range g.Bound() {
		ptrs = append(ptrs, c.memory(b, d.Bytes()))
	}
	workspace := c.memory(b, p.Workspace()+256)
	s := c.seconds(b, func(*cuda.Stream) error { return p.Run(workspace, ptrs...) }, b.Loop)
	b.ReportMetric(s*1e6, "us")
	b.ReportMetric(float64(bytes)/s/1e9, "GB/s")
	b.ReportMetric(100*float64(bytes)/s/1e9/yardstick, "%copy")
	b.ReportMetric(0, "ns/op")
}
