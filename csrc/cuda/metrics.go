package cuda

// MetricsSpec adds a batch's losses and errors to the Totals.
//
//	metrics(step, loss, wrong, totals, n)
type MetricsSpec struct{}

// Kernel gives metrics.cu; its launches are for n images.
func (MetricsSpec) Kernel() (*Kernel, error) {
	b := newBuilder("metrics")
	b.include("types", "metrics")
	b.add("step", "loss", "wrong", "totals", "n:i")
	return b.done(Kernel{threads: 256, grid: func(int) [3]uint32 { return [3]uint32{1, 1, 1} }})
}
