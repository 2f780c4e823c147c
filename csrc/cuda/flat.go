package cuda

// flat is a kernel over n elements of an array, with one thread for per of them. The blocks are at
// most enough to fill a large card a few times over.
func flat(per int) Kernel {
	return Kernel{threads: 256, grid: func(n int) [3]uint32 {
		return [3]uint32{uint32(max(1, min((n+256*per-1)/(256*per), 2112))), 1, 1}
	}}
}

func (b *builder) storage(field string, t Type) {
	b.want(t >= F32 && t <= BF16, field, "F32, F16 or BF16", t)
}
