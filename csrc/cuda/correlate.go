package cuda

import "fmt"

// MomentsSize is the size in bytes of the record to which correlate adds: float64[6].
const MomentsSize = 48

// CorrelateSpec adds two views of one shape to the moments of their elements, {count, mean a, mean
// b, M2 a, M2 b, C}: float64[6], initially zeros.
//
//	correlate(xa, norma, xb, normb, partial, counter, state, n)
type CorrelateSpec struct {
	Shape
	A, B View
}

// Kernel specialises correlate.cu; its launches are for n images.
func (s CorrelateSpec) Kernel() (*Kernel, error) {
	b := newBuilder("correlate")
	b.fits("A", s.A.Slice)
	b.norm("A", s.A.Norm, s.A.C)
	b.same("B", s.B.Slice, s.A.C)
	b.norm("B", s.B.Norm, s.B.C)
	t := b.newTile(s.Shape, elements, 3, []int{s.A.C}, s.A.Slice, s.B.Slice)
	b.want(t.chunks <= 64, "A.C", "at most 64 chunks of channels", fmt.Sprint(t.chunks))
	b.include("types", "norm", "tile")
	b.view("A", &s.A)
	b.view("B", &s.B)
	b.include("correlate")
	b.add("xa", "norma", "xb", "normb", "partial", "counter", "state", "n:i")
	grid := func(n int) [3]uint32 { return [3]uint32{uint32(min(n, 256)), 1, uint32(t.chunks)} }
	return b.done(Kernel{threads: t.columns * t.rows, blocks: 1, grid: grid,
		scratch: func(n int) int { g := grid(n); return int(g[0]*g[2]) * 12 }})
}
