package cuda

import "fmt"

// HeadSpec is the end of a network: pooling, the linear classifier, softmax and cross-entropy. With
// Train labels are smoothed by Smoothing and, if Mixed, of two images, and the gradients are
// computed too, except those of the classifier (HeadGradSpec). DX receives the gradient of X; nil:
// the gradient is not stored.
//
//	dx = (Accumulate ? dx : 0) + (Mask ? [X before its own ReLU > 0] : 1) * d(mean)/(H*W)
//
//	head(step, scaler, x, norm, labels, index, params, mean, dlogits, loss, wrong, logits, dx, n)
type HeadSpec struct {
	Shape
	X                View
	Classes          int
	WOff, BOff       int // of W [Classes][X.C] and of the bias, in floats
	Train            bool
	Smoothing        float64
	Mixed            bool // with Train: "index" is that of an AugmentSpec that is Mixed
	DX               *Slice
	Mask, Accumulate bool
}

// Channels and classes stand in shared memory: 4 bytes a channel and 12 a class, which may take
// headShared together.
const (
	maxHead    = 2048 // classes
	headShared = 16 * maxHead
)

// Kernel specialises head.cu; its launches are for n images.
func (s HeadSpec) Kernel() (*Kernel, error) {
	b := newBuilder("head")
	b.fits("X", s.X.Slice)
	b.norm("X", s.X.Norm, s.X.C)
	b.want(4*s.X.C+12*s.Classes <= headShared, "X.C, Classes", fmt.Sprintf("at most %d bytes of shared memory", headShared), 4*s.X.C+12*s.Classes)
	b.want(s.Classes >= 1 && s.Classes <= maxHead, "Classes", fmt.Sprintf("1 to %d", maxHead), s.Classes)
	b.want(s.WOff >= 0 && s.BOff >= 0, "WOff, BOff", "at least 0", fmt.Sprintf("%d, %d", s.WOff, s.BOff))
	b.want(s.DX == nil || s.Train, "DX", "none without Train", "one")
	b.want(s.Smoothing >= 0 && s.Smoothing < 1, "Smoothing", "from 0, below 1", s.Smoothing)
	slices, dx := []Slice{s.X.Slice}, s.X.Slice
	if s.DX != nil {
		dx = *s.DX
		b.same("DX", dx, s.X.C)
		slices = append(slices, dx)
	}
	t := b.newTile(s.Shape, sums, 3, []int{s.X.C}, slices...)
	if b.err != nil {
		return nil, b.err
	}
	b.include("types", "norm", "tile", "column")
	bare := s.X
	bare.ReLU = false
	b.view("X", &s.X)
	b.view("BARE", &bare)
	b.slice("DX", dx)
	b.ints("ALL", t.chunks, "CLASSES", s.Classes, "WOFF", s.WOff, "BOFF", s.BOff)
	b.bool("TRAIN", s.Train)
	b.bool("MIXED", s.Train && s.Mixed)
	b.bool("SMOOTHED", s.Train && s.Smoothing > 0)
	b.line("constexpr double SMOOTHING = %s;", double(s.Smoothing))
	b.bool("HAS_DX", s.DX != nil)
	b.bool("MASKED", s.Mask)
	b.bool("ACCUMULATE", s.Accumulate)
	b.include("head")
	b.add("step", "scaler", "x", "norm", "labels", "index", "params", "mean", "dlogits", "loss", "wrong", "logits", "dx", "n:i")
	return b.done(Kernel{threads: t.columns * t.rows, grid: func(n int) [3]uint32 { return [3]uint32{uint32(n), 1, 1} }})
}

// HeadGradSpec is the gradients of the classifier, from the results of a head with Train.
//
//	head_grad(mean, dlogits, grads, n)
type HeadGradSpec struct {
	C, Classes int
	WOff, BOff int
}

// Kernel specialises head_grad.cu; its launches do not depend on n.
func (s HeadGradSpec) Kernel() (*Kernel, error) {
	b := newBuilder("head_grad")
	b.want(s.C >= 1, "C", "at least 1", s.C)
	b.want(s.Classes >= 1 && s.Classes <= 65535, "Classes", "1 to 65535", s.Classes)
	b.want(s.WOff >= 0 && s.BOff >= 0, "WOff, BOff", "at least 0", fmt.Sprintf("%d, %d", s.WOff, s.BOff))
	b.ints("C", s.C, "CLASSES", s.Classes, "WOFF", s.WOff, "BOFF", s.BOff)
	b.line("typedef long long i64;")
	b.include("head_grad")
	b.add("mean", "dlogits", "grads", "n:i")
	return b.done(Kernel{threads: 256, grid: func(int) [3]uint32 { return [3]uint32{uint32(s.C/64 + 1), uint32(s.Classes), 1} }})
}
