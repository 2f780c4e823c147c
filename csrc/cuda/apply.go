package cuda

// ApplySpec stores a view: y = relu?(norm?(x)).
//
//	apply(x, norm, y, n)
type ApplySpec struct {
	Shape
	X View
	Y Slice
}

// Kernel specialises apply.cu; its launches are for n images.
func (s ApplySpec) Kernel() (*Kernel, error) {
	b := newBuilder("apply")
	b.fits("Y", s.Y)
	b.same("X", s.X.Slice, s.Y.C)
	b.norm("X", s.X.Norm, s.X.C)
	t := b.newTile(s.Shape, elements, 2, []int{s.Y.C}, s.X.Slice, s.Y)
	b.include("types", "norm", "tile")
	b.view("X", &s.X)
	b.slice("Y", s.Y)
	b.include("apply")
	b.add("x", "norm", "y", "n:i")
	return b.done(t.elementwise())
}
