package cuda

import "fmt"

// WGradSpec is the gradient of a convolution's weights,
//
//	dw[k][r][s][c] = sum over n, p, q of
//	                 dy[n][p][q][k] * x[n][p*Stride + r - PadH][q*Stride + s - PadW][c]
//
// on tensor cores of sm_80 and later: x of H×W and dy of P×Q in F16 or BF16, products exact, sums
// in float32. R is 1 or 3, a square filter's side. X and DY are the channels of all groups; the
// channels of one group, offsets and pitches are multiples of 8. dw is float32[K][R][R][C/Groups]
// from element off on, overwritten.
//
//	wgrad(x, dy, dw, off, partial, n)
//
// With Splits > 1 the kernel leaves parts in partial, and WGradSumSpec must follow.
// (csrc/cuda/wgrad.cu)
type WGradSpec struct {
	Type       Type
	H, W       int
	X, DY      Slice
	R, Stride  int
	PadH, PadW int
	Groups     int
	Splits     int // largest number of blocks that share the pixels of a tile of dw; see Split
}

// maxStages is the shared memory of a block on every card from sm_80 on: 99 KiB.
const maxStages = 101376

// wgradTile is the division of the work among blocks and warps: see wgrad.cu.
type wgradTile struct {
	p, q               int // of dy
	kg, cg             int // channels of a group
	mt, cw, wm, wc, wk int
	ni, th             int
	tiles, size        int // of a group; floats of dw
	// Chunks of an image, products of a chunk by one block, shared memory
	parts, chunkMMA, bytes int
}

func ceil(a, b int) int { return (a + b - 1) / b }

// cheapest is a count in from that covers n with the fewest loads. The loads of a count are one for
// each turn and count for each. Of equals it is the larger.
func cheapest(n int, from ...int) int {
	best := from[0]
	for _, m := range from {
		if ceil(n, m)*(m+1) < ceil(n, best)*(best+1) {
			best = m
		}
	}
	return best
}

func (s WGradSpec) tile(b *builder) wgradTile {
	shape := convShape{s.Type, s.H, s.W, s.R, s.Stride, s.PadH, s.PadW, s.Groups}
	shape.check(b)
	b.want(s.Splits >= 0 && s.Splits < 1<<16, "Splits", "0 to 65535", s.Splits)
	b.fits("X", s.X)
	b.fits("DY", s.DY)
	for i, sl := range []Slice{s.X, s.DY} {
		name := []string{"X", "DY"}[i]
		b.want(s.Groups < 1 || sl.C%(8*s.Groups) == 0, name+".C", "a multiple of 8 in each group", sl.C)
		shape.slice(b, name, sl)
	}
	if b.err != nil {
		return wgradTile{}
	}
	t := wgradTile{kg: s.DY.C / s.Groups, cg: s.X.C / s.Groups}
	t.p, t.q = shape.out()
	b.want(int64(s.DY.C)*int64(s.R*s.R*t.cg) < 1<<31, "DY.C", "a filter of less than 2^31 elements", s.DY.C)
	t.warps(s.R)
	t.chunk(s)
	b.want(t.bytes <= maxStages, "W", fmt.Sprintf("rows that fit %d bytes of shared memory", maxStages), s.W)
	kt, ct := t.wm*t.mt*16, t.wc*t.cw*8
	t.tiles, t.size = ceil(t.kg, kt)*ceil(t.cg, ct), s.DY.C*s.R*s.R*t.cg
	t.parts = ceil(t.p, t.th)
	t.chunkMMA = ceil(t.ni*t.th*t.q, 16*t.wk) * t.wk * (kt / 16) * s.R * s.R * (ct / 8)
	return t
}

// warps chooses the tile of a warp and of a block. A warp has up to 128 sums a thread, so that with
// enough channels one ldmatrix serves three products or more. A block has 12 warps, or 8 with R of
// 1. Spare warps share pixels: their sums meet in shared memory, which costs less than another part
// of dw in global memory.
func (t *wgradTile) warps(r int) {
	k16, c8 := ceil(t.kg, 16), t.cg/8
	t.mt, t.wm, t.wc = cheapest(k16, 4, 3, 2, 1), 1, 1
	switch {
	case c8 == 1:
		t.cw = 1
	case r == 1:
		t.cw = cheapest(c8, 8, 6, 4, 2)
	case t.mt >= 3 || c8 < 4:
		t.cw = 2
	default:
		t.cw = 4
	}
	rows, columns, warps := ceil(k16, t.mt), ceil(c8, t.cw), 4
	if r == 1 {
		warps = 8
	}
	if r == 1 && columns%2 == 0 || r == 3 && t.cw == 2 && columns > 1 {
		t.wc = 2
	}
	if rows%2 == 0 && (r == 1 || t.wc == 1) {
		t.wm = 2
	}
	t.wk = warps / (t.wm * t.wc)
}

// chunk chooses the rows and images of a chunk, the work between two barriers: two chunks fit into
// shared memory.
func (t *wgradTile) chunk(s WGradSpec) {
	step, threads := s.Stride, 32*t.wm*t.wc*t.wk*s.R
	if s.R == 1 {
		step = 1
	}
	size := func(ni, th int) int {
		pixels := ceil(ni*th*t.q, 16*t.wk) * 16 * t.wk
		window := ni * ((th-1)*step + s.R) * ((t.q-1)*step + s.R)
		return max(2*16*(pixels*(t.wm*t.mt*2|1)+window*(t.wc*t.cw|1))+8*window, threads/t.wk*t.mt*t.cw*s.R*16)
	}
	want := 64 * max(2, t.wk)
	good := func(ni, th int) bool { return ni*th*t.q <= want && size(ni, th) <= maxStages }
	t.ni, t.th = 1, t.p
	for t.th > 1 && !good(1, t.th) {
		t.th--
	}
	if t.th == t.p {
		for good(t.ni+1, t.th) {
			t.ni++
		}
	}
	t.th = ceil(t.p, ceil(t.p, t.th))
	t.bytes = size(t.ni, t.th)
}

// constants writes the constants of both kernels.
func (s WGradSpec) constants(b *builder, t wgradTile) {
	b.ints("NI", t.ni, "SPLITS", max(s.Splits, 1))
}

// splits is the number of blocks that share a tile at n images.
func (s WGradSpec) splits(t wgradTile, n int) int {
	return max(1, min(s.Splits, ceil(n, t.ni)*t.parts))
}

func (s WGradSpec) scratch(t wgradTile) func(n int) int {
	return func(n int) int {
		if s.Splits < 2 {
			return 0
		}
		return s.splits(t, n) * t.size
	}
}

// Kernel specialises wgrad.cu; its launches are for n images.
func (s WGradSpec) Kernel() (*Kernel, error) {
	b := newBuilder("wgrad")
	t := s.tile(b)
	if b.err != nil {
		return nil, b.err
	}
	b.ints("TYPE", int(s.Type), "H", s.H, "W", s.W, "P", t.p, "Q", t.q, "R", s.R, "STRIDE", s.Stride, "PAD_H", s.PadH, "PAD_W", s.PadW)
	b.ints("GROUPS", s.Groups, "KG", t.kg, "CG", t.cg, "MT", t.mt, "CW", t.cw, "WM", t.wm, "WC", t.wc, "WK", t.wk, "TH", t.th)
	s.constants(b, t)
	b.slice("X", s.X)
	b.slice("DY", s.DY)
	b.include("types", "mma", "wgrad")
	b.add("x", "dy", "dw", "off:l", "partial", "n:i")
	return b.done(Kernel{threads: 32 * t.wm * t.wc * t.wk * s.R, shared: t.bytes, scratch: s.scratch(t),
		grid: func(n int) [3]uint32 { return [3]uint32{uint32(t.tiles), uint32(s.Groups), uint32(s.splits(t, n))} }})
}

// Split is the best Splits for n images by a model of counts, on a card of so many multiprocessors
// that each run one block at a time. More parts fill the card, but each part crosses global memory.
// The weights are a card's nominal rates, none of them measured.
func (s WGradSpec) Split(n, multiprocessors int) (int, error) {
	t := s.tile(newBuilder("wgrad"))
	if _, err := s.Kernel(); err != nil {
		return 0, err
	}
	const mma, barrier, start, launch = 2, 200, 2000, 5000 // clocks
	const store, load = 32, 2048                           // bytes a clock: of a block, of the card
	chunks, tiles := ceil(n, t.ni)*t.parts, t.tiles*s.Groups
	best, least := 1, 0.0
	for k := 1; k <= min(chunks, 4*multiprocessors); k++ {
		waves := ceil(tiles*k, multiprocessors)
		clocks := float64(waves * (ceil(chunks, k)*(mma*t.chunkMMA+barrier) + start + 4*t.size/tiles/store))
		if k > 1 {
			clocks += launch + float64(4*t.size)*float64(k)/load
		}
		if k == 1 || clocks < least {
			best, least = k, clocks
		}
	}
	return best, nil
}

// WGradSumSpec adds up the parts that wgrad left, in a fixed order.
//
//	wgrad_sum(partial, dw, off, n)
type WGradSumSpec struct{ WGradSpec }

// Kernel specialises wgrad_sum.cu; its launches are for n images.
func (s WGradSumSpec) Kernel() (*Kernel, error) {
	b := newBuilder("wgrad_sum")
	t := s.tile(b)
	b.want(s.Splits > 1, "Splits", "at least 2", s.Splits)
	if b.err != nil {
		return nil, b.err
	}
	lanes := 1
	for lanes < 8 && 2*lanes <= s.Splits {
		lanes *= 2
	}
	b.ints("SIZE", t.size, "PARTS", t.parts, "LANES", lanes)
	s.constants(b, t)
	b.include("types", "wgrad_sum")
	b.add("partial", "dw", "off:l", "n:i")
	return b.done(Kernel{threads: 256, scratch: s.scratch(t), grid: func(int) [3]uint32 { return [3]uint32{uint32(ceil(t.size, 4*256/lanes)), 1, 1} }})
}
