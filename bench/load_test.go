package bench

import (
	"os/exec"
	"slices"
	"testing"
	"time"

	"shake/internal/engine/cpu"
)

// BenchmarkLoaded trains in turns alone on the machine and beside another program that keeps one
// core busy. It reports the median speed of both, and their ratio. With two cores three threads
// share them, so a fair scheduler leaves 67 %.
func BenchmarkLoaded(b *testing.B) {
	_, batch, step := stepper(b, "26-2x32d", 0, cpu.Backend{}, "")
	var quiet, loaded []float64
	rate := func() float64 {
		from := time.Now()
		step()
		return float64(batch) / time.Since(from).Seconds()
	}
	beside := func() float64 {
		busy := exec.Command("sh", "-c", "while :; do :; done")
		if err := busy.Start(); err != nil {
			b.Skip("no shell to keep a core busy:", err)
		}
		defer busy.Wait()
		defer busy.Process.Kill()
		time.Sleep(50 * time.Millisecond)
		return rate()
	}
	for b.Loop() {
		quiet = append(quiet, rate())
		loaded = append(loaded, beside())
	}
	median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
	b.ReportMetric(median(quiet), "img/s")
	b.ReportMetric(median(loaded), "img/s-loaded")
	b.ReportMetric(100*median(loaded)/median(quiet), "%kept")
	b.ReportMetric(0, "ns/op")
}
