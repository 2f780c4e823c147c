package cudnn_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"shake/cudnn"
	"shake/cudnn/cuda"
)

// desk is a card with a stream and a handle, and the memory of an example.
type desk struct {
	ctx    *cuda.Context
	stream *cuda.Stream
	h      *cudnn.Handle
	close  []io.Closer
}

// openDesk locks the goroutine to its thread: a context and a handle belong to one thread.
func openDesk() *desk {
	runtime.LockOSThread()
	ctx := must(must(cuda.Devices())[0].Primary())
	check(ctx.SetCurrent())
	d := &desk{ctx: ctx, stream: must(ctx.NewStream()), h: must(cudnn.New(ctx))}
	check(d.h.SetStream(d.stream))
	d.close = []io.Closer{d.ctx, d.stream, d.h}
	return d
}

// put copies numbers to the card.
func (d *desk) put(v ...float32) cuda.Ptr {
	p := d.room(int64(4 * len(v)))
	check(d.stream.CopyToDevice(p, cuda.Bytes(v)))
	return p
}

// room is memory on the card; a pointer is never 0.
func (d *desk) room(bytes int64) cuda.Ptr {
	m := must(d.ctx.Alloc(max(bytes, 1)))
	d.close = append(d.close, m)
	return m.Ptr()
}

// get reads n numbers back.
func (d *desk) get(p cuda.Ptr, n int) []float32 {
	v := make([]float32, n)
	check(d.stream.CopyToHost(cuda.Bytes(v), p))
	check(d.stream.Synchronize())
	return v
}

// Close frees everything in reverse order and unlocks the goroutine.
func (d *desk) Close() {
	for i := len(d.close) - 1; i >= 0; i-- {
		check(d.close[i].Close())
	}
	runtime.UnlockOSThread()
}

// A custom graph: y = relu(conv(x, w) + b). The results of nodes are stored only where Store names
// them. Engines that fuse require whole vectors of channels, and tensor cores: F32 tensors that may
// be rounded to TF32, or 16-bit ones.
func ExampleGraph() {
	d := openDesk()
	defer d.Close()
	xd, wd := cudnn.NHWC(1, 8, 1, 1, cudnn.F32), cudnn.NHWC(8, 8, 1, 1, cudnn.F32)
	g := cudnn.NewGraph("conv bias relu")
	x, w, b := g.Input("x", xd), g.Input("w", wd), g.Input("b", cudnn.PerChannel(8, cudnn.F32))
	g.Store("y", g.ReLU(g.Add(g.Conv(x, w, cudnn.ConvDesc{Compute: cudnn.TF32}), b)), xd)
	plan := must(d.h.Plan(g))
	d.close = append(d.close, plan)
	fmt.Println(plan.Bindings())

	twice := make([]float32, 64) // w: two on the diagonal
	for k := range 8 {
		twice[9*k] = 2
	}
	y := d.room(xd.Bytes())
	check(plan.Run(d.room(plan.Workspace()), d.put(0, 1, 2, 3, 4, 5, 6, 7), d.put(twice...), d.put(-5, -5, -5, -5, -5, -5, -5, -5), y))
	fmt.Println(d.get(y, 8))
	// Output:
	// [x w b y]
	// [0 0 0 1 3 5 7 9]
}

// A fused graph that comes with the package: the result of a convolution is shifted and rectified
// before it is stored.
func ExampleConvEpilogueGraph() {
	d := openDesk()
	defer d.Close()
	x, w := cudnn.NHWC(1, 8, 1, 1, cudnn.F32), cudnn.NHWC(8, 8, 1, 1, cudnn.F32)
	g := cudnn.ConvEpilogueGraph(x, w, x, cudnn.ConvDesc{Compute: cudnn.TF32}, cudnn.EpilogueDesc{Bias: true, ReLU: true})
	if err := d.h.Supports(g); err != nil {
		fmt.Println("compute it in steps:", err) // cards and versions differ in their fusions
		return
	}
	plan := must(d.h.Plan(g))
	d.close = append(d.close, plan)
	identity := make([]float32, 64)
	for k := range 8 {
		identity[9*k] = 1
	}
	y := d.room(x.Bytes())
	check(plan.Run(d.room(plan.Workspace()), d.put(0, 1, 2, 3, 4, 5, 6, 7), d.put(identity...), d.put(1, 1, 1, 1, -5, -5, -5, -5), y)) // x, w, bias, y
	fmt.Println(d.get(y, 8))
	// Output: [1 2 3 4 0 0 1 2]
}

// A plan costs milliseconds to seconds to find; a cache keeps it in a file for this card, library
// and graph.
func ExampleCache() {
	d := openDesk()
	defer d.Close()
	dir := must(os.MkdirTemp("", "plans"))
	defer os.RemoveAll(dir)
	d.h.UseCache(must(cudnn.OpenCache(dir))) // OpenCache("") is the user's own cache folder

	x, w := cudnn.NHWC(2, 8, 4, 4, cudnn.F32), cudnn.NHWC(8, 8, 3, 3, cudnn.F32)
	for range 2 { // the second time the file answers
		plan := must(d.h.ConvForward(x, w, x, cudnn.ConvDesc{Pad: [2]int{1, 1}}))
		check(plan.Close())
		fmt.Println(len(must(os.ReadDir(dir))), "plan in the cache")
	}
	// Output:
	// 1 plan in the cache
	// 1 plan in the cache
}

// Autotune times the library's proposals on the card, with memory of the caller's. The fastest goes
// into the cache, where ConvForward finds it.
func ExampleHandle_Autotune() {
	d := openDesk()
	defer d.Close()
	dir := must(os.MkdirTemp("", "plans"))
	defer os.RemoveAll(dir)
	d.h.UseCache(must(cudnn.OpenCache(dir)))

	x, w, c := cudnn.NHWC(2, 8, 4, 4, cudnn.F32), cudnn.NHWC(8, 8, 3, 3, cudnn.F32), cudnn.ConvDesc{Pad: [2]int{1, 1}}
	plans := must(d.h.ConvForwardPlans(x, w, x, c))
	workspace := int64(0)
	for _, p := range plans {
		d.close = append(d.close, p)
		workspace = max(workspace, p.Workspace())
	}
	timings := must(d.h.Autotune(plans, d.room(workspace), d.room(x.Bytes()), d.room(w.Bytes()), d.room(x.Bytes())))
	plan := must(d.h.ConvForward(x, w, x, c))
	d.close = append(d.close, plan)
	fmt.Println(len(timings) == len(plans), plan.Engine() == timings[0].Plan.Engine())
	// Output: true true
}

// A machine without a card plans for a described card, and fills a cache for a machine with such a
// card.
func ExampleOffline() {
	properties := must(os.ReadFile("cudnntest/devices/h100.json"))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	h := must(cudnn.Offline(properties))
	x, w := cudnn.NHWC(8, 64, 32, 32, cudnn.BF16), cudnn.NHWC(64, 64, 3, 3, cudnn.BF16)
	plan := must(h.ConvForward(x, w, x, cudnn.ConvDesc{Pad: [2]int{1, 1}}))
	fmt.Println(h.Card())
	err := plan.Run(0, 16, 16, 16) // a plan can be listed and cached, but not run
	fmt.Println(plan.Bindings(), errors.Is(err, cudnn.ErrOffline))
	check(plan.Close())
	check(h.Close())
	// Output:
	// NVIDIA H100 80GB HBM3 sm_90
	// [x w y] true
}
