package cuda

// FiniteSpec sets Scaler.Bad if one of n gradients is not finite.
//
//	check_finite(g, scaler, n)
type FiniteSpec struct{}

// Kernel gives finite.cu; its launches are for n gradients.
func (FiniteSpec) Kernel() (*Kernel, error) {
	b := newBuilder("check_finite")
	b.include("types", "finite")
	b.add("g", "scaler", "n:l")
	return b.done(flat(4))
}

// RescaleSpec changes the loss scale after a step: half after a bad step, twice after Growth good
// steps in a row.
//
//	rescale(scaler)
type RescaleSpec struct{ Growth int }

// Kernel specialises rescale.cu; its launches do not depend on n.
func (s RescaleSpec) Kernel() (*Kernel, error) {
	b := newBuilder("rescale")
	b.want(s.Growth >= 1, "Growth", "at least 1", s.Growth)
	b.line("constexpr unsigned int GROWTH = %d;", s.Growth)
	b.include("types", "rescale")
	b.add("scaler")
	return b.done(Kernel{threads: 1, grid: func(int) [3]uint32 { return [3]uint32{1, 1, 1} }})
}
