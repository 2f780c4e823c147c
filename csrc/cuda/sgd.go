package cuda

// SGDSpec is a step of stochastic gradient descent over n parameters. With a 16-bit Copy the
// weights are also stored in that type. With Averaged their exponential average moves, whose decay
// is Keep.
//
//	sgd(step, scaler, clip, w, v, g, average, copy, n)
type SGDSpec struct {
	Momentum, WeightDecay float64
	Nesterov              bool
	Copy                  Type // F32: none
	Averaged              bool
	Keep                  float64
}

// Kernel specialises sgd.cu; its launches are for n parameters.
func (s SGDSpec) Kernel() (*Kernel, error) {
	b := newBuilder("sgd")
	b.storage("Copy", s.Copy)
	b.want(s.Momentum >= 0 && s.Momentum <= 1, "Momentum", "0 to 1", s.Momentum)
	b.want(s.WeightDecay >= 0 && s.WeightDecay <= 1, "WeightDecay", "0 to 1", s.WeightDecay)
	b.want(s.Keep >= 0 && s.Keep <= 1, "Keep", "0 to 1", s.Keep)
	b.ints("TYPE", int(s.Copy))
	b.line("constexpr float MOMENTUM = %s, DECAY = %s;", float(s.Momentum), float(s.WeightDecay))
	b.line("constexpr float KEEP = %s, REST = %s;", float(s.Keep), float(1-s.Keep))
	b.bool("AVERAGED", s.Averaged)
	b.bool("NESTEROV", s.Nesterov)
	b.include("types", "sgd")
	b.add("step", "scaler", "clip", "w", "v", "g", "average", "copy", "n:l")
	return b.done(flat(4))
}
