package cuda

import "fmt"

// flat is a kernel over n elements of an array, per of them a thread, with no more blocks than fill a large card some times over.
func flat(per int) Kernel {
	return Kernel{threads: 256, grid: func(n int) [3]uint32 {
		return [3]uint32{uint32(max(1, min((n+256*per-1)/(256*per), 2112))), 1, 1}
	}}
}

func (b *builder) storage(field string, t Type) {
	b.want(t >= F32 && t <= BF16, field, "F32, F16 or BF16", t)
}

// MetricsSpec adds a batch's losses and errors to the Totals.
//
//	metrics(step, loss, wrong, totals, n)
type MetricsSpec struct{}

// Kernel gives metrics.cu; its launches are for n images.
func (MetricsSpec) Kernel() (*Kernel, error) {
	b := newBuilder("metrics")
	b.include("types", "metrics")
	b.add("step", "loss", "wrong", "totals", "n:i")
	return b.done(Kernel{threads: 256, grid: func(int) [3]uint32 { return [3]uint32{1, 1, 1} }})
}

// SGDSpec is a step of stochastic gradient descent over n parameters. With Copy of a 16-bit type the weights are also stored so.
//
//	sgd(step, scaler, w, v, g, copy, n)
type SGDSpec struct {
	Momentum, WeightDecay float64
	Nesterov              bool
	Copy                  Type // F32: none
}

// Kernel specialises sgd.cu; its launches are for n parameters.
func (s SGDSpec) Kernel() (*Kernel, error) {
	b := newBuilder("sgd")
	b.storage("Copy", s.Copy)
	b.want(s.Momentum >= 0 && s.Momentum <= 1, "Momentum", "0 to 1", s.Momentum)
	b.want(s.WeightDecay >= 0 && s.WeightDecay <= 1, "WeightDecay", "0 to 1", s.WeightDecay)
	b.ints("TYPE", int(s.Copy))
	b.line("constexpr float MOMENTUM = %s, DECAY = %s;", float(s.Momentum), float(s.WeightDecay))
	b.bool("NESTEROV", s.Nesterov)
	b.include("types", "sgd")
	b.add("step", "scaler", "w", "v", "g", "copy", "n:l")
	return b.done(flat(4))
}

// FiniteSpec sets Scaler.Bad where one of n gradients is not finite.
//
//	check_finite(g, scaler, n)
type FiniteSpec struct{}

// Kernel gives finite.cu; its launches are for n gradients.
func (FiniteSpec) Kernel() (*Kernel, error) {
	b := newBuilder("check_finite")
	b.include("types", "finite")
	b.add("g", "scaler", "n:l")
	return b.done(flat(4))
}

// RescaleSpec moves the loss scale after a step: half after a bad one, twice after Growth good ones in a row.
//
//	rescale(scaler)
type RescaleSpec struct{ Growth int }

// Kernel specialises rescale.cu; its launches do not depend on n.
func (s RescaleSpec) Kernel() (*Kernel, error) {
	b := newBuilder("rescale")
	b.want(s.Growth >= 1, "Growth", "at least 1", s.Growth)
	b.line("constexpr unsigned int GROWTH = %d;", s.Growth)
	b.include("types", "rescale")
	b.add("scaler")
	return b.done(Kernel{threads: 1, grid: func(int) [3]uint32 { return [3]uint32{1, 1, 1} }})
}

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

// DrawSpec writes out the coefficients that the other kernels draw for themselves.
//
//	draw(step, block, alpha, beta, n)
type DrawSpec struct {
	Draw     Draw
	Replicas int
}

// Kernel specialises draw.cu; its launches are for n images.
func (s DrawSpec) Kernel() (*Kernel, error) {
	b := newBuilder("draw")
	b.want(s.Replicas >= 1, "Replicas", "at least 1", s.Replicas)
	b.ints("REPLICAS", s.Replicas)
	b.include("types", "philox")
	b.draw("D", &s.Draw)
	b.include("draw")
	b.add("step", "block:u", "alpha", "beta", "n:i")
	return b.done(Kernel{threads: 256, grid: func(n int) [3]uint32 { return [3]uint32{uint32((n + 255) / 256), 1, 1} }})
}

// CorrelateSpec adds two views of one shape to the moments of their elements, {count, mean a, mean b, M2 a, M2 b, C}: float64[6], zeros at first.
//
//	correlate(xa, norma, xb, normb, partial, counter, state, n)
type CorrelateSpec struct {
	Shape
	A, B View
}

// Kernel specialises correlate.cu; its launches are for n images.
func (s CorrelateSpec) Kernel() (*Kernel, error) {
	b := newBuilder("correlate")
	b.fits("A", s.A.Slice)
	b.norm("A", s.A.Norm, s.A.C)
	b.same("B", s.B.Slice, s.A.C)
	b.norm("B", s.B.Norm, s.B.C)
	t := b.newTile(s.Shape, false, 3, []int{s.A.C}, s.A.Slice, s.B.Slice)
	b.want(t.chunks <= 64, "A.C", "at most 64 chunks of channels", fmt.Sprint(t.chunks))
	b.include("types", "norm", "tile")
	b.view("A", &s.A)
	b.view("B", &s.B)
	b.include("correlate")
	b.add("xa", "norma", "xb", "normb", "partial", "counter", "state", "n:i")
	grid := func(n int) [3]uint32 { return [3]uint32{uint32(min(n, 256)), 1, uint32(t.chunks)} }
	return b.done(Kernel{threads: t.columns * t.rows, blocks: 1, grid: grid,
		scratch: func(n int) int { g := grid(n); return int(g[0]*g[2]) * 12 }})
}
