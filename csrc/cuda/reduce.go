package cuda

const (
	chunkImages = 32 // largest number of images in a chunk
	// Two blocks for each multiprocessor of an H100, never more: the surplus would run alone at the
	// end.
	reduceBlocks   = 264
	wideChannels   = 64 // of a block
	narrowChannels = 32
	// Slots of a replica up to which the merge by one block stays cheap.
	wideSlots  = 66
	everyImage = 1 << 20
)

// replicaChunks is the number of chunks that the images of a replica are cut into, if it has as
// many images.
func (t tile) replicaChunks() int { return t.chunksOf(reduceBlocks) }

// chunksOf is replicaChunks for a grid of so many blocks.
func (t tile) chunksOf(blocks int) int { return max(1, blocks/(t.shape.Replicas*t.chunks)) }

// reduction is the kernel whose blocks each add up a chunk of images of one replica: reduce.cu.
// slot is the floats of one block's sums. With slot 0 the kernel adds nothing up, and each image is
// a chunk.
func (t tile) reduction(slot, chunksWanted int) Kernel {
	return t.reductionOf(reduceBlocks, slot, chunksWanted)
}

// reductionOf is reduction with a grid of so many blocks.
func (t tile) reductionOf(blocks, slot, chunksWanted int) Kernel {
	hw, r := t.shape.H*t.shape.W, t.shape.Replicas
	chunks := func(n int) int {
		most := (n + r - 1) / r
		m := min(chunkImages, (most+chunksWanted-1)/chunksWanted)
		return r * ((most + m - 1) / m)
	}
	k := Kernel{threads: t.columns * t.rows}
	if slot == 0 {
		k.fit = func(n, room int) [3]uint32 {
			c := chunks(n)
			return [3]uint32{uint32(c), uint32(shares(c*t.chunks, (hw+t.rows*t.unroll-1)/(t.rows*t.unroll), room)), uint32(t.chunks)}
		}
		k.grid = func(n int) [3]uint32 { return k.fit(n, usualRoom) }
		return k
	}
	k.grid = func(n int) [3]uint32 {
		c := chunks(n)
		return [3]uint32{uint32(c), uint32(max(1, min(blocks/(c*t.chunks), hw/(t.rows*t.unroll)))), uint32(t.chunks)}
	}
	k.blocks = t.chunks
	k.scratch = func(n int) int {
		most := 0
		for i := 1; i <= n; i++ {
			g := k.grid(i)
			most = max(most, int(g[0]*g[1])*slot)
		}
		return most
	}
	return k
}
