package cuda

// WidenSpec copies channels: Y has X's channels and zeros behind them.
//
//	widen(x, y, n)
type WidenSpec struct {
	Shape
	X, Y Slice
}

// Kernel specialises widen.cu; its launches are for n images.
func (s WidenSpec) Kernel() (*Kernel, error) {
	b := newBuilder("widen")
	b.fits("X", s.X)
	b.fits("Y", s.Y)
	b.want(s.X.C <= s.Y.C, "X.C", "at most Y's channels", s.X.C)
	t := b.newTile(s.Shape, elements, 2, []int{s.Y.C}, s.X, s.Y)
	b.include("types", "norm", "tile")
	b.slice("X", s.X)
	b.slice("Y", s.Y)
	b.include("widen")
	b.add("x", "y", "n:i")
	return b.done(t.elementwise())
}
