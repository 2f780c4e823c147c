package cuda

import (
	"fmt"
	"strings"
)

// ConvSpec is a convolution with the view that it reads and the statistics that follow,
//
//	z = relu?(norm?(x)), rounded to T; 0 outside of the map
//	y[n][p][q][k] = sum over r, s, c of
//	                w[k][r][s][c] * z[n][p*Stride + r - PadH][q*Stride + s - PadW][c]
//
// on tensor cores of sm_80 and later: x of H×W in F16 or BF16, products exact, sums in float32. R
// is 1 or 3, a square filter's side. X and Y are the channels of all groups; a group has a multiple
// of 16 channels of x, and offsets and pitches are multiples of 8. w is T[K][R][R][C/Groups] from
// element off on, a multiple of 8. View, if any, is where z is stored. Norms, if any, cover the
// channels of Y one after the other: their coefficients and running statistics follow as StatsSpec
// has them.
//
//	conv(x, norm, w, off, y, view, gamma_at0, beta_at0, norm0, running0, ..., params, partial,
//	     counter, n)
//
// (csrc/cuda/conv.cu)
type ConvSpec struct {
	Type       Type
	H, W       int
	Replicas   int
	Batch      int // images of a whole batch: blocks are cut for it
	X          View
	Y          Slice
	View       *Slice
	R, Stride  int
	PadH, PadW int
	Groups     int
	Norms      []StatsOf
}

const (
	convThreads = 256
	convVector  = 8 // channels of a vector of 16 bits
)

// convTile is the division of the work among blocks: see conv.cu.
type convTile struct {
	p, q     int // of y
	kg, cg   int // channels of a group
	kt       int // channels of y of a block
	ni, th   int // images, rows of y of a tile
	cs       int // channels of a piece of the filters
	resident bool
	window   int   // bytes of a tile's window, or of its result
	bytes    int   // shared memory
	chunks   []int // first chunk of channels of each segment, and the number of all
	cut      int   // most chunks of images of a replica
	parts    int   // of an image
}

func (s ConvSpec) tile(b *builder) convTile {
	shape := convShape{s.Type, s.H, s.W, s.R, s.Stride, s.PadH, s.PadW, s.Groups}
	shape.check(b)
	b.want(s.Replicas >= 1, "Replicas", "at least 1", s.Replicas)
	b.want(s.Batch >= 1, "Batch", "at least 1", s.Batch)
	b.fits("X", s.X.Slice)
	b.fits("Y", s.Y)
	b.norm("X", s.X.Norm, s.X.C)
	b.want(s.Groups < 1 || s.X.C%(16*s.Groups) == 0, "X.C", "a multiple of 16 in each group", s.X.C)
	b.want(s.Groups < 1 || s.Y.C%(8*s.Groups) == 0, "Y.C", "a multiple of 8 in each group", s.Y.C)
	shape.slice(b, "X", s.X.Slice)
	shape.slice(b, "Y", s.Y)
	if s.View != nil {
		b.same("View", *s.View, s.X.C)
		shape.slice(b, "View", *s.View)
	}
	if b.err != nil {
		return convTile{}
	}
	t := convTile{kg: s.Y.C / s.Groups, cg: s.X.C / s.Groups}
	t.p, t.q = shape.out()
	b.want(int64(s.Y.C)*int64(s.R*s.R*t.cg) < 1<<31, "Y.C", "a filter of less than 2^31 elements", s.Y.C)
	b.want(s.View == nil || s.R >= s.Stride && (t.p-1)*s.Stride+s.R-s.PadH >= s.H && (t.q-1)*s.Stride+s.R-s.PadW >= s.W, "View", "filters that reach every pixel of x", fmt.Sprintf("%dx%d, stride %d", s.R, s.R, s.Stride))
	s.segments(b, &t)
	if b.err == nil {
		s.divide(b, &t)
	}
	return t
}

// segments chooses the channels of a block and cuts those of y, norm by norm.
func (s ConvSpec) segments(b *builder, t *convTile) {
	sizes, at := []int{}, 0
	for k, o := range s.Norms {
		name := fmt.Sprintf("Norms[%d]", k)
		b.want(o.Off == at && o.C >= 8 && o.C%8 == 0, name, fmt.Sprintf("a multiple of 8 channels from %d on", at), fmt.Sprintf("%d from %d", o.C, o.Off))
		b.norm(name, &o.Norm, o.C)
		sizes, at = append(sizes, o.C), at+o.C
	}
	b.want(len(s.Norms) == 0 || at == s.Y.C, "Norms", fmt.Sprintf("all %d channels", s.Y.C), at)
	if len(s.Norms) == 0 {
		sizes = []int{s.Y.C}
	}
	t.kt = 64
	if t.q > t.pixels() {
		t.kt = 32
	}
	for _, c := range append(sizes, t.kg) {
		if c%t.kt > 0 {
			t.kt = 32
		}
	}
	for _, c := range sizes {
		b.want(s.Groups == 1 || c%t.kt == 0 && t.kg%t.kt == 0, "Groups", "groups and norms of multiples of 32 channels", s.Groups)
	}
	t.chunks = tile{v: convVector, columns: t.kt / convVector}.cut(sizes)
}

// pixels is the room for pixels in a tile.
func (t *convTile) pixels() int { return convThreads / 32 * 32 * 32 / t.kt }

// divide chooses the rows and images of a tile, the pieces of the filters, and the parts of a batch
// for a block.
func (s ConvSpec) divide(b *builder, t *convTile) {
	step := s.Stride
	if s.R == 1 {
		step = 1
	}
	fits := func(ni, th, cs int) bool {
		t.window = max(ni*((th-1)*step+s.R)*((t.q-1)*step+s.R)*(t.cg/8|1)*16, t.pixels()*(2*t.kt+16))
		piece := s.R * t.kt * (cs/8 | 1) * 16
		t.ni, t.th, t.cs = ni, th, cs
		t.resident = t.window+s.R*(t.cg/cs)*piece <= maxStages
		n := 2
		if t.resident {
			n = s.R * (t.cg / cs)
		}
		t.bytes = max(t.window+n*piece, convThreads*4*3*8) // or the doubles of reduce.cu
		return ni*th*t.q <= t.pixels() && t.bytes <= maxStages
	}
	found := false
	for th := t.p; th >= 1; th-- { // the most rows, then the larger pieces
		for _, cs := range []int{32, 16} {
			found = found || t.cg%cs == 0 && fits(1, th, cs)
		}
		if found {
			break
		}
	}
	b.want(found && t.cg/8 <= convThreads, "X.C", fmt.Sprintf("a window that fits %d bytes of shared memory", maxStages), s.X.C)
	if b.err != nil {
		return
	}
	most := ceil(s.Batch, s.Replicas)
	for t.th == t.p && t.ni < most && fits(t.ni+1, t.th, t.cs) {
	}
	if !fits(t.ni, t.th, t.cs) {
		fits(t.ni-1, t.th, t.cs)
	}
	t.th = ceil(t.p, ceil(t.p, t.th))
	fits(t.ni, t.th, t.cs)
	chunks := t.chunks[len(t.chunks)-1]
	t.cut = max(1, min(reduceBlocks/(s.Replicas*chunks), ceil(most, t.ni)))
	t.parts = 1
	images := s.Replicas * ceil(most, min(chunkImages, ceil(most, t.cut)))
	for p := 2; p <= t.p && t.ni == 1; p++ {
		if t.p%p == 0 && p*images*chunks <= reduceBlocks {
			t.parts = p
		}
	}
	if rows := t.p / t.parts; rows < t.th {
		t.th = rows
		fits(1, rows, t.cs)
	}
}

// Kernel specialises conv.cu; its launches are for n images.
func (s ConvSpec) Kernel() (*Kernel, error) {
	b := newBuilder("conv")
	t := s.tile(b)
	if b.err != nil {
		return nil, b.err
	}
	columns := t.kt / convVector
	b.ints("TYPE", int(s.Type), "V", convVector, "HW", t.p*t.q, "REPLICAS", s.Replicas, "COLUMNS", columns, "ROWS", convThreads/columns, "UNROLL", 1)
	b.ints("H", s.H, "W", s.W, "P", t.p, "Q", t.q, "R", s.R, "STRIDE", s.Stride, "PAD_H", s.PadH, "PAD_W", s.PadW)
	b.ints("KG", t.kg, "CG", t.cg, "NI", t.ni, "TH", t.th, "CS", t.cs, "WINDOW", t.window, "CHUNKS", t.cut)
	b.bool("RESIDENT", t.resident)
	b.include("types", "mma", "norm", "tile")
	b.view("X", &s.X)
	var stored *View
	if s.View != nil {
		stored = &View{Slice: *s.View}
	}
	b.view("VIEW", stored)
	b.slice("Y", s.Y)
	b.add("x", "norm", "w", "off:l", "y", "view")
	slot := 0
	var line strings.Builder
	segment := func(k, begin, channels int, norm *NormRef) {
		b.line("struct S%d { static constexpr int C = %d, BEGIN = %d, BASE = %d;%s };", k, channels, begin, slot, norm.fields())
		fmt.Fprintf(&line, " F(%d, %d, %d)", t.chunks[k], t.chunks[k+1], k)
	}
	for k, o := range s.Norms {
		segment(k, o.Off, o.C, &o.Norm)
		b.addNumbered(k, "gamma_at%d", "beta_at%d", "norm%d", "running%d")
		slot += 3 * o.C
	}
	if len(s.Norms) == 0 {
		segment(0, 0, s.Y.C, nil)
	}
	b.each("EACH_NORM", len(s.Norms))
	b.line("#define SEGMENTS(F)%s", line.String())
	b.line("#define NORMS(F)%s", map[bool]string{true: line.String()}[slot > 0])
	b.ints("SLOT", slot)
	b.include("column", "reduce", "stats_slots", "conv")
	b.add("params", "partial", "counter", "n:i")
	chunks := t.chunks[len(t.chunks)-1]
	grid := func(n int) [3]uint32 {
		most := ceil(n, s.Replicas)
		images := min(chunkImages, ceil(most, t.cut))
		return [3]uint32{uint32(s.Replicas * ceil(most, images)), uint32(t.parts), uint32(chunks)}
	}
	k := Kernel{threads: convThreads, shared: t.bytes, grid: grid}
	if slot > 0 {
		k.blocks = chunks
		k.scratch = func(n int) int {
			most := 0
			for i := 1; i <= n; i++ {
				most = max(most, int(grid(i)[0])*t.parts*slot)
			}
			return most
		}
	}
	return b.done(k)
}
