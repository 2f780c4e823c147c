package cuda

// DropoutSpec is dropout: y = x * (u >= Rate ? 1/(1-Rate) : 0), with the draws of engine.Kept for
// dropout Index of the graph, of a map of Channels channels.
//
//	dropout(step, x, y, n)
type DropoutSpec struct {
	Shape
	X, Y      Slice
	Channels  int // without the lanes behind the last
	Rate      float64
	Threshold uint32 // engine.DropThreshold of the rate
	Index     int
}

// Kernel specialises dropout.cu; its launches are for n images.
func (s DropoutSpec) Kernel() (*Kernel, error) {
	b := newBuilder("dropout")
	b.fits("Y", s.Y)
	b.same("X", s.X, s.Y.C)
	b.want(s.Rate > 0 && s.Rate < 1, "Rate", "between 0 and 1", s.Rate)
	b.want(s.Channels >= 1 && s.Channels <= s.Y.C, "Channels", "1 or more, within Y", s.Channels)
	b.want(s.Index >= 0, "Index", "at least 0", s.Index)
	t := b.newTile(s.Shape, elements, 2, []int{s.Y.C}, s.X, s.Y)
	if b.err != nil {
		return nil, b.err
	}
	b.ints("INDEX", s.Index, "CHUNKS", (s.Channels+3)/4, "THRESHOLD", int(s.Threshold))
	b.line("constexpr float SCALE = %s;", float(1/(1-s.Rate)))
	b.include("types", "philox", "norm", "tile")
	b.slice("X", s.X)
	b.slice("Y", s.Y)
	b.include("dropout")
	b.add("step", "x", "y", "n:i")
	return b.done(t.elementwise())
}
