package cuda

const (
	chunkImages    = 32  // images a chunk holds at most
	reduceBlocks   = 264 // two for each multiprocessor of an H100: never more, or the last ones have it to themselves
	wideChannels   = 64  // of a block
	narrowChannels = 32
	wideSlots      = 66 // slots of a replica that one block merges gladly
	everyImage     = 1 << 20
)

// replicaChunks is into how many chunks of images a replica is cut, where it has as many.
func (t tile) replicaChunks() int { return max(1, reduceBlocks/(t.shape.Replicas*t.chunks)) }

// reduction is the kernel whose blocks each add up a chunk of images of one replica: reduce.cu. slot is the floats of one block's sums.
func (t tile) reduction(slot, chunksWanted int) Kernel {
	grid := func(n int) [3]uint32 {
		r := t.shape.Replicas
		most := (n + r - 1) / r
		m := min(chunkImages, (most+chunksWanted-1)/chunksWanted)
		chunks := r * ((most + m - 1) / m)
		want := reduceBlocks
		if chunksWanted == everyImage {
			want = wantBlocks
		}
		hw := t.shape.H * t.shape.W
		parts := max(1, min(want/(chunks*t.chunks), hw/(t.rows*t.unroll)))
		return [3]uint32{uint32(chunks), uint32(parts), uint32(t.chunks)}
	}
	k := Kernel{threads: t.columns * t.rows, grid: grid}
	if slot > 0 {
		k.blocks = t.chunks
		k.scratch = func(n int) int {
			most := 0
			for i := 1; i <= n; i++ {
				g := grid(i)
				most = max(most, int(g[0]*g[1])*slot)
			}
			return most
		}
	}
	return k
}
