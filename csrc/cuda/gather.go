package cuda

// GatherSpec copies n elements by an index; index -1 gives 0. It packs filters and unpacks their
// gradients. With Plain it reads no index and converts storage types.
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
