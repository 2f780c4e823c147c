package bench

import (
	"testing"

	"shake/internal/engine/gpu"
)

// BenchmarkCardStep runs whole training steps on a card, by the clock from the first launch to the
// last result. No call in between waits for the host.
func BenchmarkCardStep(b *testing.B) {
	openCard(b)
	for _, net := range []string{"quick", "26-2x32d", "26-2x64d", "26-2x96d", "resnext29"} {
		b.Run(net, func(b *testing.B) {
			for _, precision := range []string{"bf16", "fp16", "tf32", "fp32"} {
				b.Run(precision, func(b *testing.B) { benchCardStep(b, net, precision) })
			}
		})
	}
}

func benchCardStep(b *testing.B, net, precision string) {
	prog, batch, step := stepper(b, net, 0, gpu.Backend{Tune: tune()}, precision)
	settle := func() {
		if _, err := prog.Metrics(true); err != nil {
			b.Fatal(err)
		}
	}
	for range 20 { // the graph is made, the clocks rise
		step()
	}
	settle()
	b.Run("train", func(b *testing.B) {
		from := cpuTime()
		for range b.N {
			step()
		}
		settle()
		b.StopTimer()
		reportSteps(b, batch, from)
	})
	b.Run("eval", func(b *testing.B) {
		timeSteps(b, batch, func() {
			if _, err := prog.Eval(0, batch); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Logf("%s: %.0f MB", prog.Info().Detail, float64(prog.Info().Memory)/1e6)
}
