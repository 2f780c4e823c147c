package gpu

import (
	kernels "shake/csrc/cuda"
	"shake/internal/engine"
	"shake/internal/graph"
)

// lanes is the channel granularity of every array in device memory: 16 bytes of the narrowest
// storage type, the width of a tensor core's read. The channels of a buffer are rounded up to
// lanes, and the lanes beyond a tensor's own channels are zero.
const lanes = 8

// round is c channels rounded up to whole lanes.
func round(c int) int { return (c + lanes - 1) / lanes * lanes }

// List is a training step as launches over buffers in device memory. Tensors are N×H×W×C with C
// rounded up to whole lanes.
type List struct {
	// Plan has buffers beyond the plan's own: materialised views and gradients. Their Size and
	// Offset are bytes of a full batch.
	Plan      *engine.Plan
	Type      kernels.Type
	Batch     int
	Replicas  int
	Params    Params
	Ops       []Op      // one step, in order; those of Evaluation are its forward pass alone
	Items     []Item    // by op: streams and edges
	Arena     int       // bytes of all buffers
	Moments   int       // Correlate ops
	before    []bits    // by op: all ops ordered before it
	stretches []stretch // runs of ops that one cooperative launch may replace

	spare, spareCounters int // floats of scratch, and counters, for launches of rivals

	Several *Several // of one card of several; nil: one card
	Recipe  Recipe

	Forward bool  // the list is of an evaluation: a forward pass alone
	Eval    *List // the list of an evaluation in the memory of this step; nil in itself
	step    []int // of an evaluation, by op: its number in the step
}

// Recipe is the parts of a training step that most recipes lack.
type Recipe struct {
	Clip    bool // a limit of the gradient's norm
	Average bool // an exponential average of the weights
	Mixup   bool // images mixed with others
}

// RecipeOf is the recipe of a configuration.
func RecipeOf(c engine.Config) Recipe {
	return Recipe{Clip: c.Clip > 0, Average: c.EMA > 0, Mixup: c.Mixup > 0}
}

// BufID indexes List.Plan.Buffers.
type BufID = engine.BufID

// Op is one of Augment, Pack, Conv, Stats, Apply, Pool, PoolGrad, Drop, Copy, Join, Correlate,
// Clear, Head, HeadGrad, Tally, GradConcat, ConvFilter, ConvData, GradSum, Unpack, Finite, Clip,
// SGD, Rescale; on several cards Zero and AllReduce too.
type Op interface {
	// uses calls f for every buffer the op touches.
	uses(f func(b BufID, write bool))
}

// Augment writes the batch's images, normalised, flipped and cropped, into the input buffer.
type Augment struct{ Y BufID }

// Pack copies the weights that no convolution can read in place into packed filters.
type Pack struct{}

// Conv computes channels Call.YOff.. of y from channels Call.XOff.. of x by cuDNN. X is plain.
type Conv struct {
	Call Call
	X, Y Part
}

// Part is C channels of a buffer from Off on, as they are stored.
type Part struct {
	Buf    BufID
	Off, C int
}

// Stats takes the statistics of a buffer for all its norms at once, turns them into the norms'
// affine maps, and moves the running statistics.
type Stats struct {
	X     BufID
	Stats []engine.StatsOf
}

// Apply stores a view: y = relu?(norm?(x)). Back says that the backward pass stores it again.
type Apply struct {
	X    engine.View
	Y    BufID
	Back bool
}

// Pool computes the maximum or the mean of windows of X.
type Pool struct {
	Op *graph.Pool
	X  Part
	Y  BufID
}

// PoolGrad computes the gradient of a pool's input.
type PoolGrad struct {
	Op     *graph.Pool
	X      Part
	DY, DX BufID
}

// Drop multiplies X by the factors of a dropout. In evaluation it copies activations; Back says
// that X is a gradient, which only training has.
type Drop struct {
	Op   *graph.Dropout
	X    Part
	Y    BufID
	Back bool
}

// Copy copies X to the first channels of Y; the others become zeros, and so do those behind Y up to
// whole lanes. Back says that they are gradients.
type Copy struct {
	X, Y Part
	Back bool
}

// Join computes a block's shaken sum y. It also stores relu(y) into Copy if a convolution reads
// that.
type Join struct {
	*engine.JoinStep
	Copy BufID
}

// Correlate adds the elements of two views to moments number Index, in evaluation alone.
type Correlate struct {
	*engine.CorrelateStep
	Index int
}

// Clear writes zeros to a whole buffer whose lanes no other op fills.
type Clear struct{ Y BufID }

// Head is pooling, classifier and loss with the gradient of x.
type Head struct {
	Op *graph.Head
	X  engine.View
	DX *engine.GradOut // nil: no gradient of x
}

// HeadGrad computes the gradients of the classifier from Head's results.
type HeadGrad struct{ Op *graph.Head }

// Tally adds the batch's losses and errors to the totals.
type Tally struct{}

// GradConcat stores gradients side by side on channels: the dy of a convolution.
type GradConcat struct {
	Y     BufID
	Terms []engine.Grad
}

// ConvData computes a data gradient by cuDNN: dx = dy * w', or dx += if Call.Again.
type ConvData struct {
	Call   Call
	DY, DX Part
}

// ConvFilter computes a weight gradient by cuDNN.
type ConvFilter struct {
	Call  Call
	X, DY Part
}

// GradSum completes a gradient. It also takes the backward sums of the norms that the gradient
// belongs to, and turns them into the coefficients of the norms' gradients and the gradients of
// gamma and beta:
//
//	dst = (Accumulate ? dst : 0) + [Mask > 0, if any] * DX, if any, + sum of Terms
//
// DX may be dst itself. Without Write dst keeps its value: only sums are taken.
type GradSum struct {
	Dst        Part
	Write      bool
	Accumulate bool
	DX, Mask   Part // Buf None: none
	Terms      []engine.Grad
	Sums       []engine.SumsOf
}

// Unpack copies the gradients of packed filters to their places among the gradients of the
// parameters.
type Unpack struct{}

// Finite detects an overflow of a gradient under loss scaling.
type Finite struct{}

// Clip takes the norm of the gradient of all parameters, and the factor that limits it.
type Clip struct{}

// SGD updates parameters Lo to Hi-1 in the order of Params, and their copy in the storage type,
// unless a gradient overflowed.
type SGD struct{ Lo, Hi int }

// Rescale adapts the loss scale.
type Rescale struct{}

func (o *Augment) uses(f func(BufID, bool))   { f(o.Y, true) }
func (*Pack) uses(func(BufID, bool))          {}
func (o *Conv) uses(f func(BufID, bool))      { f(o.X.Buf, false); f(o.Y.Buf, true) }
func (o *Stats) uses(f func(BufID, bool))     { f(o.X, false) }
func (o *Apply) uses(f func(BufID, bool))     { o.X.Uses(f); f(o.Y, true) }
func (o *Correlate) uses(f func(BufID, bool)) { o.A.Uses(f); o.B.Uses(f) }
func (o *Pool) uses(f func(BufID, bool))      { f(o.X.Buf, false); f(o.Y, true) }
func (o *Drop) uses(f func(BufID, bool))      { f(o.X.Buf, false); f(o.Y, true) }
func (o *Copy) uses(f func(BufID, bool))      { f(o.X.Buf, false); f(o.Y.Buf, true) }
func (o *PoolGrad) uses(f func(BufID, bool)) {
	if o.Op.Max {
		f(o.X.Buf, false)
	}
	f(o.DY, false)
	f(o.DX, true)
}
func (o *ConvData) uses(f func(BufID, bool))   { f(o.DY.Buf, false); f(o.DX.Buf, true) }
func (o *ConvFilter) uses(f func(BufID, bool)) { f(o.X.Buf, false); f(o.DY.Buf, false) }
func (*Unpack) uses(func(BufID, bool))         {}
func (*SGD) uses(func(BufID, bool))            {}
func (*Clip) uses(func(BufID, bool))           {}
func (*HeadGrad) uses(func(BufID, bool))       {}
func (*Tally) uses(func(BufID, bool))          {}
func (*Finite) uses(func(BufID, bool))         {}
func (*Rescale) uses(func(BufID, bool))        {}
func (o *Clear) uses(f func(BufID, bool))      { f(o.Y, true) }
func (o *Join) uses(f func(BufID, bool)) {
	for _, b := range o.Branches {
		b.Uses(f)
	}
	if o.Skip != nil {
		o.Skip.Uses(f)
	}
	f(o.Y, true)
	if o.Copy != engine.None {
		f(o.Copy, true)
	}
}
func (o *Head) uses(f func(BufID, bool)) {
	o.X.Uses(f)
	if o.DX != nil {
		f(o.DX.Buf, true)
	}
}
func (o *GradConcat) uses(f func(BufID, bool)) {
	for i := range o.Terms {
		o.Terms[i].Uses(f)
	}
	f(o.Y, true)
}
func (o *GradSum) uses(f func(BufID, bool)) {
	for _, p := range []Part{o.DX, o.Mask} {
		if p.Buf != engine.None {
			f(p.Buf, false)
		}
	}
	for i := range o.Terms {
		o.Terms[i].Uses(f)
	}
	f(o.Dst.Buf, o.Write)
	for i := range o.Sums {
		o.Sums[i].Of.Uses(f)
	}
}
