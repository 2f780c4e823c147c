package cuda

// CopySpec copies n pieces of 16 bytes: the yardstick of bandwidth.
//
//	copy(x, y, n)
type CopySpec struct{}

// Kernel gives copy.cu; its launches are for n pieces.
func (CopySpec) Kernel() (*Kernel, error) {
	b := newBuilder("copy")
	b.include("types", "copy")
	b.add("x", "y", "n:l")
	return b.done(flat(4))
}
