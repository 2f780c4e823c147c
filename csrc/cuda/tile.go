package cuda

import "fmt"

// tile is the mapping of a block's threads to activations, in an elementwise kernel or a reduction:
// see tile.cu.
type tile struct {
	shape         Shape
	v             int // channels a thread
	columns, rows int
	chunks        int // of columns, over all segments
	unroll        int // pixels in flight a thread
}

const (
	maxThreads = 256
	maxColumns = 32 // 512 bytes of a pixel
	// Blocks that a card has room for if it was not asked: three on each multiprocessor of an H100.
	usualRoom = 396
	// The time to draw coefficients and load a norm's, in passes over pixels.
	startPasses = 2
)

// walk is the purpose of a block's pass over its pixels.
type walk int

const (
	elements walk = iota // each pixel on its own
	sums                 // all added up: a warp has whole rows
	// sums into slots that one block merges: few channels, so that many threads can merge each
	slots
)

// newTile chooses vectors and columns for slices that are walked together. segments are the channel
// counts that the chunks are cut from, one after the other; operands is the number of tensors that
// a thread has in flight.
func (b *builder) newTile(s Shape, w walk, operands int, segments []int, slices ...Slice) tile {
	b.want(s.Type >= F32 && s.Type <= BF16, "Type", "F32, F16 or BF16", s.Type)
	b.want(s.H >= 1 && s.W >= 1 && s.H <= 1<<14 && s.W <= 1<<14, "H, W", "1 to 16384", fmt.Sprintf("%dx%d", s.H, s.W))
	b.want(s.Replicas >= 1, "Replicas", "at least 1", s.Replicas)
	t := tile{shape: s, v: vector(s.Type, slices...), columns: 1, rows: 1, chunks: 1, unroll: 1}
	for _, sl := range slices {
		b.want(int64(s.H)*int64(s.W)*int64(sl.Pitch) < 1<<31, "Pitch", "an image of less than 2^31 elements", sl.Pitch)
	}
	if b.err != nil {
		return t
	}
	switch w {
	case elements:
		t.columns = columns(segments, t.v, maxColumns)
	case sums:
		t.columns = warpColumns(segments, t.v, maxColumns)
	case slots:
		t.columns = warpColumns(segments, t.v, min(maxColumns, wideChannels/t.v))
		// With few chunks of channels each would have many slots.
		if t.columns*t.v > narrowChannels && s.Replicas*t.cut(segments)[len(segments)]*wideSlots < reduceBlocks {
			t.columns /= 2
		}
	}
	t.rows = max(maxThreads/t.columns, 1)
	t.chunks = t.cut(segments)[len(segments)]
	t.unroll = max(1, min(4, 8/operands, (s.H*s.W+t.rows-1)/t.rows))
	b.ints("TYPE", int(s.Type), "V", t.v, "HW", s.H*s.W, "REPLICAS", s.Replicas, "COLUMNS", t.columns, "ROWS", t.rows, "UNROLL", t.unroll)
	return t
}

// vector is the largest vector of at most 16 bytes that starts at a multiple of its size in every
// slice.
func vector(t Type, slices ...Slice) int {
	v := 16 / t.Size()
	for _, s := range slices {
		for s.Off%v != 0 || s.C%v != 0 || s.Pitch%v != 0 {
			v /= 2
		}
	}
	return v
}

// columns is the largest count of vectors up to a limit that divides all segments, if it is large
// enough. Otherwise it is a count that leaves few threads idle.
func columns(segments []int, v, limit int) int {
	div, most := 0, 0
	for _, c := range segments {
		div, most = gcd(div, c/v), max(most, c/v)
	}
	best := 1
	for k := 1; k <= limit && k <= div; k++ {
		if div%k == 0 {
			best = k
		}
	}
	if best < min(limit/2, 8, most) {
		return min(most, limit)
	}
	return best
}

// warpColumns is a power of two up to a limit, itself a power of two. It is the largest that
// divides all segments, if that is at least 4, else the smallest that holds the longest segment.
func warpColumns(segments []int, v, limit int) int {
	div, most := 0, 0
	for _, c := range segments {
		div, most = gcd(div, c/v), max(most, c/v)
	}
	for k := limit; k >= 4; k /= 2 {
		if div%k == 0 {
			return k
		}
	}
	k := 1
	for k < most && k < limit {
		k *= 2
	}
	return k
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// elementwise is the kernel whose blocks each take a share of the pixels of one image and one chunk
// of channels.
func (t tile) elementwise() Kernel {
	passes := (t.shape.H*t.shape.W + t.rows*t.unroll - 1) / (t.rows * t.unroll)
	fit := func(n, room int) [3]uint32 {
		return [3]uint32{uint32(n), uint32(shares(n*t.chunks, passes, room)), uint32(t.chunks)}
	}
	return Kernel{threads: t.columns * t.rows, fit: fit, grid: func(n int) [3]uint32 { return fit(n, usualRoom) }}
}

// shares is the number of blocks that share the passes over an image's pixels. images is images
// times chunks, and room the blocks that the card runs at a time. shares is the number that ends
// first, if a block takes one unit of time for each pass and startPasses for its start; of equals
// it is the smallest.
func shares(images, passes, room int) int {
	best, least := 1, 0
	for p := 1; p <= passes; p++ {
		waves := (images*p + room - 1) / room
		if time := waves * ((passes+p-1)/p + startPasses); least == 0 || time < least {
			best, least = p, time
		}
	}
	return best
}

// cut returns the beginnings of the chunks of each segment, and the end of the last.
func (t tile) cut(segments []int) []int {
	at := []int{0}
	for i, c := range segments {
		at = append(at, at[i]+(c/t.v+t.columns-1)/t.columns)
	}
	return at
}
