package cuda

// GatherSpec copies n elements from where an index says, 0 where it says -1: it packs filters, unpacks their gradients, and with Plain, which reads no
// index, converts storage types.
//
//	gather(x, index, y, n)
type GatherSpec struct {
	From, To Type
	Plain    bool
}

// Kernel specialises gather.cu; its launches are for n elements of y.
func (s GatherSpec) Kernel() (*Kernel, error) {
	b := newBuilder("gather")
	b.storage("From", s.From)
	b.storage("To", s.To)
	b.ints("FROM", int(s.From), "TO", int(s.To))
	b.bool("INDEXED", !s.Plain)
	b.include("types", "gather")
	b.add("x", "index", "y", "n:l")
	return b.done(flat(4))
}
