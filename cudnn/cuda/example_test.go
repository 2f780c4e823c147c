package cuda_test

import (
	"fmt"
	"log"
	"runtime"

	"shake/cudnn/cuda"
)

// Adding two vectors on the first card.
func Example() {
	const n = 1000
	const source = `extern "C" __global__ void add(const float *x, float *y, int n) {
		int i = blockIdx.x * blockDim.x + threadIdx.x;
		if (i < n) y[i] += x[i];
	}`
	x, y := make([]float32, n), make([]float32, n)
	for i := range n {
		x[i], y[i] = float32(i), 0.5
	}

	runtime.LockOSThread() // a context is current on one thread
	defer runtime.UnlockOSThread()
	device := must(cuda.Devices())[0]
	ctx := must(device.Primary())
	check(ctx.SetCurrent())
	binary := must(cuda.Compile(source, "add.cu", []string{"--gpu-architecture=" + device.Arch()}))
	module := must(ctx.LoadModule(binary.Image))
	add := must(module.Function("add"))
	stream := must(ctx.NewStream())
	dx, dy := must(ctx.Alloc(4*n)), must(ctx.Alloc(4*n))
	check(stream.CopyToDevice(dx.Ptr(), cuda.Bytes(x)))
	check(stream.CopyToDevice(dy.Ptr(), cuda.Bytes(y)))
	call := must(add.NewCall(cuda.Launch{Grid: [3]uint32{(n + 255) / 256}, Block: [3]uint32{256}}, dx.Ptr(), dy.Ptr(), int32(n)))
	check(call.Run(stream))
	check(stream.CopyToHost(cuda.Bytes(y), dy.Ptr()))
	fmt.Println(y[0], y[1], y[999])
	for _, c := range []interface{ Close() error }{call, dx, dy, stream, module, ctx} {
		check(c.Close())
	}
	// Output: 0.5 1.5 999.5
}

// A graph does the work of many launches in one: here ten steps, captured once, add up to a
// million.
func ExampleGraph() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	device := must(cuda.Devices())[0]
	ctx := must(device.Primary())
	check(ctx.SetCurrent())
	binary := must(cuda.Compile(`extern "C" __global__ void add(int *sum, int n) { *sum += n; }`, "add.cu",
		[]string{"--gpu-architecture=" + device.Arch()}))
	module := must(ctx.LoadModule(binary.Image))
	add := must(module.Function("add"))
	stream, sum := must(ctx.NewStream()), must(ctx.Alloc(4))
	call := must(add.NewCall(cuda.Launch{Grid: [3]uint32{1}, Block: [3]uint32{1}}, sum.Ptr(), int32(10000)))

	// From here on launches are recorded, not made
	check(stream.BeginCapture(cuda.CaptureThreadLocal))
	for range 10 {
		check(call.Run(stream))
	}
	graph := must(stream.EndCapture())
	exec := must(graph.Instantiate())
	check(stream.Memset32(sum.Ptr(), 0, 1))
	for range 10 {
		check(exec.Launch(stream))
	}
	total := make([]int32, 1)
	check(stream.CopyToHost(cuda.Bytes(total), sum.Ptr()))
	fmt.Println(total[0])
	for _, c := range []interface{ Close() error }{exec, graph, call, sum, stream, module, ctx} {
		check(c.Close())
	}
	// Output: 1000000
}

// must and check stand in this file, as in the other examples, so that a reader has the whole
// program here.
func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
