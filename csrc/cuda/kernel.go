package cuda

// Spec is one of the Spec structs of this package.
type Spec interface {
	// Kernel specialises the family's text. The error is a *SpecError.
	Kernel() (*Kernel, error)
}

// Kernel is a specialised text. Entry is the name of its one entry point, whose arguments are Args,
// in order.
type Kernel struct {
	Text    string
	Options []string // for the compiler, besides the architecture
	Entry   string
	Args    []Arg
	grid    func(n int) [3]uint32
	// The grid of an elementwise kernel on a card with that much room; nil: grid is the only one.
	fit     func(n, room int) [3]uint32
	threads int
	scratch func(n int) int
	blocks  int // counters used
	shared  int // bytes of dynamic shared memory
	// The blocks wait for each other
	cooperative bool
	again       int64
}

// Arg is one argument of a kernel. A pointer that the spec does not need (an absent mask, a norm)
// is passed as 0.
type Arg struct {
	Name string
	Kind ArgKind
}

// ArgKind is the C type of an argument.
type ArgKind int

// The kinds of argument.
const (
	Pointer ArgKind = iota // device address, 64 bits
	Uint32                 // unsigned int
	Int32                  // int
	Int64                  // long long
	Float32                // float
)

// Launch is the shape of one launch. Shared is bytes of dynamic shared memory; for more than 48 KiB
// the loaded function needs a higher limit first. The blocks of a Cooperative launch wait for each
// other, so that the card has to run all of them at a time.
type Launch struct {
	Grid, Block [3]uint32
	Shared      uint32
	Cooperative bool
}

// Source returns the text, the compiler's options and the name of the entry point.
func (k *Kernel) Source() (text string, options []string, entry string) {
	return k.Text, k.Options, k.Entry
}

// Launch returns the launch for n: images for kernels over activations, elements for flat ones (see
// each spec).
func (k *Kernel) Launch(n int) Launch {
	return Launch{Grid: k.grid(n), Block: [3]uint32{uint32(k.threads), 1, 1}, Shared: uint32(k.shared), Cooperative: k.cooperative}
}

// Fit returns the launch for n on a card that has room for so many blocks of the kernel at a time:
// its blocks a multiprocessor times its multiprocessors. Only kernels over elements use the room,
// to fill whole waves. Sums are cut by shape and n alone, so for the other kernels Fit is Launch.
func (k *Kernel) Fit(n, room int) Launch {
	l := k.Launch(n)
	if k.fit != nil && room > 0 {
		l.Grid = k.fit(n, room)
	}
	return l
}

// Programmatic returns k for launches that may overlap the end of the launch in front of them
// (Launch.Programmatic of cudnn/cuda) and the beginning of the one behind, on cards from sm_90 on.
// It computes the same bits. Launched otherwise it is k with two instructions that do nothing.
func (k *Kernel) Programmatic() *Kernel {
	p := *k
	p.Text = "#define SK_PROGRAMMATIC\n" + k.Text
	return &p
}

// Scratch returns the size of the argument "partial" at n, in floats; 0 if the kernel has none. It
// grows with n.
func (k *Kernel) Scratch(n int) int {
	if k.scratch == nil {
		return 0
	}
	return k.scratch(n)
}

// Counters returns the size of the argument "counter", in 32-bit words that are initially zero.
func (k *Kernel) Counters() int { return k.blocks }

// Again returns the bytes of a full batch that a cooperative kernel reads a second time, because
// its shared memory has no room for them.
func (k *Kernel) Again() int64 { return k.again }
