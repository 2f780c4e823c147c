package cuda

// LossScaleCheckSpec sets Scaler.Bad if one of n gradients is not finite.
//
//	lossscale_check(g, scaler, n)
type LossScaleCheckSpec struct{}

// Kernel gives lossscale_check.cu; its launches are for n gradients.
func (LossScaleCheckSpec) Kernel() (*Kernel, error) {
	b := newBuilder("lossscale_check")
	b.include("types", "lossscale_check")
	b.add("g", "scaler", "n:l")
	return b.done(flat(4))
}

// LossScaleUpdateSpec changes the loss scale after a step: half after a bad step, twice after
// Growth good steps in a row.
//
//	lossscale_update(scaler)
type LossScaleUpdateSpec struct{ Growth int }

// Kernel specialises lossscale_update.cu; its launches do not depend on n.
func (s LossScaleUpdateSpec) Kernel() (*Kernel, error) {
	b := newBuilder("lossscale_update")
	b.want(s.Growth >= 1, "Growth", "at least 1", s.Growth)
	b.line("constexpr unsigned int GROWTH = %d;", s.Growth)
	b.include("types", "lossscale_update")
	b.add("scaler")
	return b.done(Kernel{threads: 1, grid: func(int) [3]uint32 { return [3]uint32{1, 1, 1} }})
}
