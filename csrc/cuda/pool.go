package cuda

import "fmt"

// PoolSpec is the maximum or the mean of windows of R×S pixels of X, maps of H×W:
//
//	y[p][q] = max or mean over r < R, s < S of x[p*Stride+r-Pad][q*Stride+s-Pad]
//
// Pixels outside X are zeros to a mean and no candidates of a maximum. Shape is that of X.
//
//	pool(x, y, n)
type PoolSpec struct {
	Shape
	X, Y   Slice
	Max    bool
	R, S   int
	Stride int
	Pad    int // at most half of R and S
}

// PoolGradSpec is the gradient of a pool: DX of its input from DY of its output. X is read by a
// maximum alone; the gradient goes to the first of the largest, by rows.
//
//	poolgrad(x, dy, dx, n)
type PoolGradSpec struct {
	PoolSpec // without Y
	DY, DX   Slice
}

// output is the map of H×W that a pool makes.
func (s PoolSpec) output(b *builder) (h, w int) {
	b.want(s.R >= 1 && s.S >= 1 && s.R <= 1<<10 && s.S <= 1<<10, "R, S", "1 to 1024", fmt.Sprintf("%dx%d", s.R, s.S))
	b.want(s.Stride >= 1, "Stride", "at least 1", s.Stride)
	b.want(s.Pad >= 0 && s.Pad <= min(s.R, s.S)/2, "Pad", "at most half a window", s.Pad)
	b.want(s.H+2*s.Pad >= s.R && s.W+2*s.Pad >= s.S, "R, S", "a window within the map", fmt.Sprintf("%dx%d", s.R, s.S))
	if b.err != nil {
		return 1, 1
	}
	return (s.H+2*s.Pad-s.R)/s.Stride + 1, (s.W+2*s.Pad-s.S)/s.Stride + 1
}

// windows writes the constants of both directions.
func (s PoolSpec) windows(b *builder) {
	b.ints("H", s.H, "W", s.W, "R", s.R, "S", s.S, "STRIDE", s.Stride, "PAD", s.Pad)
	b.bool("MAX", s.Max)
}

// Kernel specialises pool.cu; its launches are for n images.
func (s PoolSpec) Kernel() (*Kernel, error) {
	b := newBuilder("pool")
	b.fits("Y", s.Y)
	b.same("X", s.X, s.Y.C)
	p, q := s.output(b)
	out := s.Shape
	out.H, out.W = p, q
	t := b.newTile(out, elements, 2, []int{s.Y.C}, s.X, s.Y)
	s.windows(b)
	b.ints("Q", q)
	b.include("types", "norm", "tile")
	b.slice("X", s.X)
	b.slice("Y", s.Y)
	b.include("pool")
	b.add("x", "y", "n:i")
	return b.done(t.elementwise())
}

// Kernel specialises poolgrad.cu; its launches are for n images.
func (s PoolGradSpec) Kernel() (*Kernel, error) {
	b := newBuilder("poolgrad")
	b.fits("DX", s.DX)
	b.same("X", s.X, s.DX.C)
	b.same("DY", s.DY, s.DX.C)
	p, q := s.output(b)
	t := b.newTile(s.Shape, elements, 2, []int{s.DX.C}, s.X, s.DY, s.DX)
	s.windows(b)
	b.ints("P", p, "Q", q)
	b.include("types", "norm", "tile")
	b.slice("X", s.X)
	b.slice("DY", s.DY)
	b.slice("DX", s.DX)
	b.include("poolgrad")
	b.add("x", "dy", "dx", "n:i")
	return b.done(t.elementwise())
}
