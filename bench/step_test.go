package bench

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"shake/dsl"
	"shake/internal/data"
	"shake/internal/engine"
	"shake/internal/engine/cpu"
	"shake/internal/graph"
	"shake/nets"
)

// BenchmarkStep runs whole training steps (augmentation, forward, backward, SGD) at each net's own
// batch, and inference.
func BenchmarkStep(b *testing.B) {
	for _, net := range []string{"quick", "26-2x32d", "26-2x96d", "resnext29"} {
		b.Run(net, func(b *testing.B) {
			batch := 0
			if net == "26-2x96d" {
				batch = 32 // a batch of its own takes seconds
			}
			prog, batch, step := stepper(b, net, batch, cpu.Backend{}, "")
			b.Run("train", func(b *testing.B) { timeSteps(b, batch, step) })
			b.Run("eval", func(b *testing.B) {
				timeSteps(b, batch, func() {
					if _, err := prog.Eval(0, batch); err != nil {
						b.Fatal(err)
					}
				})
			})
			b.Logf("%s: %.0f MB", prog.Info().Detail, float64(prog.Info().Memory)/1e6)
		})
	}
}

// stepper compiles a net for a backend, with images to train and to test on, and returns a function
// that trains on one batch. It has called the function once. The batch is that of
// SHAKE_BENCH_BATCH, if set, else the given one, or with 0 the net's own.
func stepper(b testing.TB, net string, images int, backend engine.Backend, precision string) (prog engine.Program, batch int, step func()) {
	spec, err := nets.Load(net)
	if err != nil {
		b.Fatal(err)
	}
	if err := setBatch(spec, images); err != nil {
		b.Fatal(err)
	}
	g, err := graph.Build(spec)
	if err != nil {
		b.Fatal(err)
	}
	c := engine.ConfigOf(spec)
	c.Precision, c.Deterministic = precision, true
	prog, err = backend.Compile(g, c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { prog.Close() })
	if err := prog.SetState(engine.InitTensors(g, spec.Seed)); err != nil {
		b.Fatal(err)
	}
	train, test := data.Synthetic(1, c.Batch, c.Batch)
	if err := prog.Load(train, test); err != nil {
		b.Fatal(err)
	}
	index := make([]int32, c.Batch)
	for i := range index {
		index[i] = int32(i)
	}
	it := uint32(0)
	step = func() {
		if err := prog.Step(engine.Step{Iteration: it, Index: index, LR: 0.01}); err != nil {
			b.Fatal(err)
		}
		it++
	}
	step() // the first step touches its memory for the first time
	return prog, c.Batch, step
}

func setBatch(spec *dsl.Spec, images int) error {
	if images > 0 {
		spec.Train.Batch = images
	}
	if s := os.Getenv("SHAKE_BENCH_BATCH"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < spec.Train.Replicas {
			return fmt.Errorf("SHAKE_BENCH_BATCH: want a number of images, one a replica at least, have %q", s)
		}
		spec.Train.Batch = n
	}
	return nil
}

// timeSteps reports images of a batch a second, and a second of processor time.
func timeSteps(b *testing.B, batch int, step func()) {
	from := cpuTime()
	for b.Loop() {
		step()
	}
	reportSteps(b, batch, from)
}

func reportSteps(b *testing.B, batch int, from time.Duration) {
	b.ReportMetric(float64(batch)*float64(b.N)/(cpuTime()-from).Seconds(), "img/core-s")
	b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "img/s")
	b.ReportMetric(0, "ns/op")
}

// cpuTime is the processor time of the process's threads. On a machine that lends its cores to
// others it is more reliable than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
