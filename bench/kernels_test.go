package bench

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/csrc/load"
	"shake/cudnn/cuda"
)

// card is a GPU that kernels are timed on by its own events.
type card struct {
	ctx    *cuda.Context
	s      *cuda.Stream
	copies map[int64]float64 // GB/s of a copy that moves so many bytes
}

// openCard skips with the reason where there is no card; under SHAKE_REQUIRE_GPU=1 it fails.
func openCard(b *testing.B) *card {
	b.Helper()
	if os.Getenv(load.PathVariable) != "" && os.Getenv("SHAKE_REQUIRE_GPU") != "1" {
		b.Skipf("%s names libraries of its own, perhaps an emulated card: set SHAKE_REQUIRE_GPU=1 to time what they drive", load.PathVariable)
	}
	devices, err := cuda.Devices()
	if err == nil && len(devices) == 0 {
		err = errors.New("the driver has no device")
	}
	if err != nil && os.Getenv("SHAKE_REQUIRE_GPU") == "1" {
		b.Fatal(err)
	}
	if err != nil {
		b.Skipf("no card: %v", err)
	}
	c := &card{ctx: must(devices[0].Primary())(b), copies: map[int64]float64{}}
	c.here(b)
	c.s = must(c.ctx.NewStream())(b)
	b.Cleanup(func() {
		c.s.Close()
		c.ctx.Close()
	})
	return c
}

// here makes the card's context current on this goroutine; each benchmark runs on its own.
func (c *card) here(b *testing.B) {
	b.Helper()
	runtime.LockOSThread()
	b.Cleanup(runtime.UnlockOSThread)
	if err := c.ctx.SetCurrent(); err != nil {
		b.Fatal(err)
	}
}

func must[T any](v T, err error) func(b *testing.B) T {
	return func(b *testing.B) T {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
}

// call is a kernel bound to memory of its own. Every pointer named in sizes gets so many zero bytes
// and every number its value; all other arguments are null or 0.
func (c *card) call(b *testing.B, spec kernels.Spec, n int, sizes map[string]int64, numbers map[string]int) *cuda.Call {
	b.Helper()
	k := must(spec.Kernel())(b)
	ptrs := map[string]cuda.Ptr{}
	for _, a := range k.Args {
		size := sizes[a.Name]
		switch {
		case a.Kind != kernels.Pointer:
			continue
		case a.Name == "partial":
			size = 4 * int64(k.Scratch(n))
		case a.Name == "counter":
			size = 4 * int64(k.Counters())
		case a.Name == "step":
			size = kernels.StepSize
		}
		if size > 0 {
			ptrs[a.Name] = c.memory(b, size)
		}
	}
	return c.bind(b, k, n, ptrs, numbers)
}

// bind is a kernel bound to the named memory and numbers; all other arguments are null or 0.
func (c *card) bind(b *testing.B, k *kernels.Kernel, n int, ptrs map[string]cuda.Ptr, numbers map[string]int) *cuda.Call {
	b.Helper()
	text, options, entry := k.Source()
	binary := must(cuda.DefaultKernelCache().Compile(text, entry+".cu", append(options, "--gpu-architecture="+c.ctx.Device().Arch())))(b)
	module := must(c.ctx.LoadModule(binary.Image))(b)
	b.Cleanup(func() { module.Close() })
	f := must(module.Function(entry))(b)
	var args []any
	for _, a := range k.Args {
		v := numbers[a.Name]
		switch a.Kind {
		case kernels.Int32:
			args = append(args, int32(v))
		case kernels.Uint32:
			args = append(args, uint32(v))
		case kernels.Int64:
			args = append(args, int64(v))
		case kernels.Pointer:
			args = append(args, ptrs[a.Name])
		}
	}
	l := k.Launch(n)
	if err := f.SetMaxDynamicShared(int(l.Shared)); err != nil {
		b.Fatal(err)
	}
	call := must(f.NewCall(cuda.Launch{Grid: l.Grid, Block: l.Block, Shared: l.Shared}, args...))(b)
	b.Cleanup(func() { call.Close() })
	return call
}

// seconds is the mean time of one run by the card's events, over runs until again returns false.
func (c *card) seconds(b *testing.B, call func(*cuda.Stream) error, again func() bool) float64 {
	b.Helper()
	start, end := must(c.ctx.NewEvent(true))(b), must(c.ctx.NewEvent(true))(b)
	defer start.Close()
	defer end.Close()
	run := func() {
		if err := call(c.s); err != nil {
			b.Fatal(err)
		}
	}
	for range 20 {
		run()
	}
	runs := 0
	if err := start.Record(c.s); err != nil {
		b.Fatal(err)
	}
	for again() {
		run()
		runs++
	}
	if err := errors.Join(end.Record(c.s), end.Synchronize()); err != nil {
		b.Fatal(err)
	}
	return must(end.Since(start))(b).Seconds() / float64(runs)
}

// yardstick is GB/s of a copy that moves so many bytes.
func (c *card) yardstick(b *testing.B, bytes int64) float64 {
	b.Helper()
	if y, ok := c.copies[bytes]; ok {
		return y
	}
	pieces, runs := int(bytes/32), 0
	call := c.call(b, kernels.CopySpec{}, pieces, map[string]int64{"x": bytes / 2, "y": bytes / 2}, map[string]int{"n": pieces})
	y := float64(bytes) / c.seconds(b, call.Run, func() bool { runs++; return runs <= 200 }) / 1e9
	c.copies[bytes] = y
	return y
}

// time reports GB/s of an operation that must move so many bytes, and per cent of the rate of a
// copy of as many bytes in the same run. Tensors that fit in the card's cache are thus compared
// with a copy that fits as well.
func (c *card) time(b *testing.B, bytes int64, spec kernels.Spec, n int, sizes map[string]int64, numbers map[string]int) {
	b.Helper()
	c.here(b)
	yardstick := c.yardstick(b, bytes)
	s := c.seconds(b, c.call(b, spec, n, sizes, numbers).Run, b.Loop)
	b.ReportMetric(s*1e6, "us")
	b.ReportMetric(float64(bytes)/s/1e9, "GB/s")
	b.ReportMetric(100*float64(bytes)/s/1e9/yardstick, "%copy")
	b.ReportMetric(0, "ns/op") // the host's time, which has no meaning here
}

// maps are the activations of the paper's nets: 26 2x32d, 2x64d and 2x96d at each stage, and
// ResNeXt-29's inner width. The batch is the paper's and one beyond the cache.
func maps(b *testing.B, f func(b *testing.B, s kernels.Shape, n, c int)) {
	for _, n := range []int{128, 1024} {
		for _, m := range []struct{ c, hw int }{{32, 32}, {64, 16}, {128, 8}, {64, 32}, {128, 16}, {256, 8}, {96, 32}, {192, 16}, {384, 8}, {1024, 8}} {
			for _, t := range []kernels.Type{kernels.BF16, kernels.F32} {
				b.Run(fmt.Sprintf("N%dC%dH%d/%v", n, m.c, m.hw, t), func(b *testing.B) {
					f(b, kernels.Shape{Type: t, H: m.hw, W: m.hw, Replicas: 2}, n, m.c)
				})
			}
		}
	}
}

func bytesOf(s kernels.Shape, n, c int) int64 { return int64(n) * int64(s.H*s.W*c*s.Type.Size()) }

func normBytes(c int) int64 { return int64(7 * 2 * c * 4) }

// shaken is S-S-I with two branches.
var shaken = kernels.Draw{Branches: 2, Forward: kernels.Shaken, Backward: kernels.Shaken, High: 1}

// BenchmarkCardJoin is the sum of two normalised branches, halves of one tensor, and a skip.
func BenchmarkCardJoin(b *testing.B) {
	c := openCard(b)
	maps(b, func(b *testing.B, s kernels.Shape, n, ch int) {
		one := bytesOf(s, n, ch)
		branch := func(k int) kernels.View {
			return kernels.View{Slice: kernels.Slice{Off: k * ch, C: ch, Pitch: 2 * ch}, Norm: &kernels.NormRef{Off: k * ch, C: 2 * ch}}
		}
		whole := kernels.Slice{Buf: 1, C: ch, Pitch: ch}
		spec := kernels.JoinSpec{Shape: s, Draw: shaken, Branches: []kernels.View{branch(0), branch(1)}, Skip: &kernels.View{Slice: whole}, Y: whole}
		c.time(b, 4*one, spec, n, map[string]int64{"x0": 2 * one, "x1": 2 * one, "norm0": normBytes(2 * ch), "norm1": normBytes(2 * ch), "skip": one, "y": one}, map[string]int{"n": n})
	})
}

// BenchmarkCardJoinBack is its backward pass in two kernels: the sums of both branches, then their
// gradients.
func BenchmarkCardJoinBack(b *testing.B) {
	c := openCard(b)
	whole := func(ch int) kernels.Slice { return kernels.Slice{C: ch, Pitch: ch} }
	grad := func(k, ch int) kernels.Grad {
		return kernels.Grad{G: whole(ch), Draw: &shaken, Branch: k, Norm: &kernels.NormRef{Off: k * ch, C: 2 * ch}, Y: &kernels.Slice{Buf: 1, Off: k * ch, C: ch, Pitch: 2 * ch}}
	}
	b.Run("sums", func(b *testing.B) {
		maps(b, func(b *testing.B, s kernels.Shape, n, ch int) {
			one := bytesOf(s, n, ch)
			spec := kernels.GradSumSpec{Shape: s, Dst: whole(ch), Read: true, Sums: []kernels.Grad{grad(0, ch), grad(1, ch)}}
			sizes := map[string]int64{"dst": one, "params": 8, "grads": 8}
			for k := range 2 {
				for name, size := range map[string]int64{"sy": 2 * one, "snorm": normBytes(2 * ch), "gamma": int64(8 * ch), "beta": int64(8 * ch)} {
					sizes[fmt.Sprintf("%s%d", name, k)] = size
				}
			}
			c.time(b, 3*one, spec, n, sizes, map[string]int{"n": n})
		})
	})
	b.Run("apply", func(b *testing.B) {
		maps(b, func(b *testing.B, s kernels.Shape, n, ch int) {
			one := bytesOf(s, n, ch)
			spec := kernels.GradConcatSpec{Shape: s, Grads: []kernels.Grad{grad(0, ch), grad(1, ch)}, DY: kernels.Slice{Buf: 2, C: 2 * ch, Pitch: 2 * ch}}
			c.time(b, 5*one, spec, n, map[string]int64{"g0": one, "g1": one, "y0": 2 * one, "y1": 2 * one, "norm0": normBytes(2 * ch), "norm1": normBytes(2 * ch), "dy": 2 * one},
				map[string]int{"n": n})
		})
	})
}

// BenchmarkCardNorm is the forward pass in two kernels, statistics and apply with ReLU.
func BenchmarkCardNorm(b *testing.B) {
	c := openCard(b)
	b.Run("stats", func(b *testing.B) {
		maps(b, func(b *testing.B, s kernels.Shape, n, ch int) {
			spec := kernels.StatsSpec{Shape: s, X: kernels.Slice{C: ch, Pitch: ch}, Norms: []kernels.StatsOf{{C: ch, Norm: kernels.NormRef{C: ch}}}}
			c.time(b, bytesOf(s, n, ch), spec, n, map[string]int64{"x": bytesOf(s, n, ch), "gamma0": int64(4 * ch), "beta0": int64(4 * ch), "norm0": normBytes(ch), "running0": normBytes(ch),
				"params": 8}, map[string]int{"n": n})
		})
	})
	b.Run("apply", func(b *testing.B) {
		maps(b, func(b *testing.B, s kernels.Shape, n, ch int) {
			x := kernels.Slice{C: ch, Pitch: ch}
			spec := kernels.ApplySpec{Shape: s, X: kernels.View{Slice: x, Norm: &kernels.NormRef{C: ch}, ReLU: true}, Y: kernels.Slice{Buf: 1, C: ch, Pitch: ch}}
			c.time(b, 2*bytesOf(s, n, ch), spec, n, map[string]int64{"x": bytesOf(s, n, ch), "norm": normBytes(ch), "y": bytesOf(s, n, ch)}, map[string]int{"n": n})
		})
	})
}

// BenchmarkCardHead is pooling, classifier, loss and gradients of 10 classes.
func BenchmarkCardHead(b *testing.B) {
	c := openCard(b)
	for _, n := range []int{128, 1024} {
		for _, ch := range []int{128, 256, 384} {
			b.Run(fmt.Sprintf("N%dC%d", n, ch), func(b *testing.B) {
				s := kernels.Shape{Type: kernels.BF16, H: 8, W: 8, Replicas: 2}
				x := kernels.Slice{C: ch, Pitch: ch}
				spec := kernels.HeadSpec{Shape: s, X: kernels.View{Slice: x, ReLU: true}, Classes: 10, BOff: 10 * ch, Train: true, DX: &x, Mask: true}
				c.time(b, 3*bytesOf(s, n, ch), spec, n, map[string]int64{"x": bytesOf(s, n, ch), "labels": 2, "index": int64(4 * n), "params": int64(4 * (10*ch + 10)), "mean": int64(4 * n * ch),
					"dlogits": int64(40 * n), "loss": int64(4 * n), "wrong": int64(4 * n), "logits": int64(40 * n), "dx": bytesOf(s, n, ch)}, map[string]int{"n": n})
			})
		}
	}
}

// BenchmarkCardSGD is the update of 26 2x32d's, 2x64d's and 2x96d's parameters with their bf16
// copy.
func BenchmarkCardSGD(b *testing.B) {
	c := openCard(b)
	for _, n := range []int{2923162, 11653978, 26192922} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			bytes := int64(4 * n)
			c.time(b, 22*int64(n)/32*32, kernels.SGDSpec{Momentum: 0.9, WeightDecay: 1e-4, Nesterov: true, Copy: kernels.BF16}, n,
				map[string]int64{"w": bytes, "v": bytes, "g": bytes, "copy": bytes / 2}, map[string]int{"n": n})
		})
	}
}

// BenchmarkCardAugment is a batch of CIFAR images from bytes.
func BenchmarkCardAugment(b *testing.B) {
	c := openCard(b)
	for _, n := range []int{128, 1024} {
		b.Run(fmt.Sprintf("N%d", n), func(b *testing.B) {
			c.time(b, int64(n)*1024*(3+16), kernels.AugmentSpec{Type: kernels.BF16, C: 3, H: 32, W: 32, Pitch: 8, Train: true, Flip: true, Crop: 4}, n,
				map[string]int64{"table": 3072, "pix": 3072, "index": int64(4 * n), "y": int64(n) * 1024 * 16}, map[string]int{"n": n})
		})
	}
}

// BenchmarkCardCopy is the yardstick itself.
func BenchmarkCardCopy(b *testing.B) {
	c := openCard(b)
	for _, mib := range []int64{4, 16, 64, 256, 1024} {
		b.Run(fmt.Sprintf("%dMiB", mib), func(b *testing.B) {
			c.here(b)
			n := int(mib << 20 / 16)
			s := c.seconds(b, c.call(b, kernels.CopySpec{}, n, map[string]int64{"x": mib << 20, "y": mib << 20}, map[string]int{"n": n}).Run, b.Loop)
			b.ReportMetric(float64(2*mib<<20)/s/1e9, "GB/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
