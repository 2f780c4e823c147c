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

// BenchmarkStep runs whole training steps (augmentation, forward, backward, SGD) at each net's own batch, and inference.
func BenchmarkStep(b *testing.B) {
	for _, net := range []string{"quick", "26-2x32d", "26-2x96d", "resnext29"} {
		b.Run(net, func(b *testing.B) { benchStep(b, net) })
	}
}

func benchStep(b *testing.B, net string) {
	spec, err := nets.Load(net)
	if err != nil {
		b.Fatal(err)
	}
	if err := setBatch(spec, net); err != nil {
		b.Fatal(err)
	}
	g, err := graph.Build(spec)
	if err != nil {
		b.Fatal(err)
	}
	t := spec.Train
	prog, err := cpu.Backend{}.Compile(g, engine.Config{
		Seed: spec.Seed, Batch: t.Batch, Replicas: t.Replicas, Momentum: t.Momentum, Nesterov: t.Nesterov,
		WeightDecay: t.WeightDecay, Flip: spec.Data.Flip, Crop: spec.Data.Crop,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer prog.Close()
	if err := prog.SetState(engine.InitTensors(g, spec.Seed)); err != nil {
		b.Fatal(err)
	}
	train, test := data.Synthetic(1, t.Batch, t.Batch)
	if err := prog.Load(train, test); err != nil {
		b.Fatal(err)
	}
	index := make([]int32, t.Batch)
	for i := range index {
		index[i] = int32(i)
	}
	it := uint32(0)
	step := func() {
		if err := prog.Step(engine.Step{Iteration: it, Index: index, LR: 0.01}); err != nil {
			b.Fatal(err)
		}
		it++
	}
	step() // the first one meets its memory for the first time
	b.Run("train", func(b *testing.B) { timeSteps(b, t.Batch, step) })
	b.Run("eval", func(b *testing.B) {
		timeSteps(b, t.Batch, func() {
			if _, err := prog.Eval(0, t.Batch); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Logf("%s: %.0f MB", prog.Info().Detail, float64(prog.Info().Memory)/1e6)
}

// setBatch makes the batch that of SHAKE_BENCH_BATCH, if set; else 32 for the net that is too large for more, and the net's own for the others.
func setBatch(spec *dsl.Spec, net string) error {
	if net == "26-2x96d" {
		spec.Train.Batch = 32
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
	b.ReportMetric(float64(batch)*float64(b.N)/(cpuTime()-from).Seconds(), "img/core-s")
	b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "img/s")
	b.ReportMetric(0, "ns/op")
}

// cpuTime is what the process's threads have used. On a machine that lends its cores to others it says more than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
