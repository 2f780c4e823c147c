package nccl_test

import (
	"fmt"
	"log"
	"runtime"
	"sync"

	"shake/cudnn/cuda"
	"shake/cudnn/nccl"
)

// The sum of an array over two cards, each driven by a goroutine on a thread of its own. Two
// processes do the same, once one has sent the ID to the other.
func Example() {
	id := must(nccl.NewID())
	sums := make([][]float32, 2)
	var both sync.WaitGroup
	for rank, device := range must(cuda.Devices())[:2] {
		both.Go(func() { sums[rank] = sum(id, rank, device) })
	}
	both.Wait()
	fmt.Println(sums[0], sums[1])
	// Output: [11 22 33] [11 22 33]
}

// sum is one rank: it sends 1 2 3 or 10 20 30, and returns the sums.
func sum(id nccl.ID, rank int, device cuda.Device) []float32 {
	runtime.LockOSThread() // a context is current on one thread
	defer runtime.UnlockOSThread()
	ctx := must(device.Primary())
	check(ctx.SetCurrent())
	comm := must(nccl.New(ctx, id, nccl.Config{Rank: rank, World: 2}))
	stream, array := must(ctx.NewStream()), must(ctx.Alloc(12))
	x := [][]float32{{1, 2, 3}, {10, 20, 30}}[rank]
	check(stream.CopyToDevice(array.Ptr(), cuda.Bytes(x)))
	check(comm.AllReduce(array.Ptr(), array.Ptr(), 3, nccl.F32, nccl.Sum, stream))
	check(stream.CopyToHost(cuda.Bytes(x), array.Ptr()))
	for _, c := range []interface{ Close() error }{comm, array, stream, ctx} {
		check(c.Close())
	}
	return x
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
