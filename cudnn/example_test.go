package cudnn_test

import (
	"fmt"
	"io"
	"log"
	"runtime"

	"shake/cudnn"
	"shake/cudnn/cuda"
)

// An image of 3×3 ones and a filter of 3×3 ones: each output counts the pixels of the image in its
// window.
func Example() {
	runtime.LockOSThread() // a handle belongs to a thread
	defer runtime.UnlockOSThread()
	ctx := must(must(cuda.Devices())[0].Primary())
	check(ctx.SetCurrent())
	stream, h := must(ctx.NewStream()), must(cudnn.New(ctx))
	check(h.SetStream(stream))

	x, w := cudnn.NHWC(1, 1, 3, 3, cudnn.F32), cudnn.NHWC(1, 1, 3, 3, cudnn.F32)
	plan := must(h.ConvForward(x, w, x, cudnn.ConvDesc{Pad: [2]int{1, 1}}))

	v := []float32{1, 1, 1, 1, 1, 1, 1, 1, 1}
	image, filter, out := must(ctx.Alloc(x.Bytes())), must(ctx.Alloc(w.Bytes())), must(ctx.Alloc(x.Bytes()))
	workspace := must(ctx.Alloc(plan.Workspace() + 1))
	check(stream.CopyToDevice(image.Ptr(), cuda.Bytes(v)))
	check(stream.CopyToDevice(filter.Ptr(), cuda.Bytes(v)))
	check(plan.Run(workspace.Ptr(), image.Ptr(), filter.Ptr(), out.Ptr()))
	check(stream.CopyToHost(cuda.Bytes(v), out.Ptr()))
	check(stream.Synchronize())
	fmt.Println(v)
	for _, c := range []io.Closer{plan, h, workspace, out, filter, image, stream, ctx} {
		check(c.Close())
	}
	// Output: [4 6 4 6 9 6 4 6 4]
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
