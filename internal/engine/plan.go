package engine

import (
	"fmt"
	"math"

	"shake/internal/graph"
)

// Plan is one training step as a device runs it: fused operations over buffers, in order. It is
// made from a graph by the passes and by lowering, is plain deterministic data, and prints without
// any device (String).
//
// Elementwise operations have no steps of their own where their readers can recompute them: a step
// reads its input through a View, and its output's gradient through Grads. The steps that remain
// are one Conv step per merged convolution and direction, one Join per block, one Head, and the
// small finalizing steps of each Norm.
type Plan struct {
	Graph   *graph.Graph // after the passes
	Align   int          // channels of a buffer are rounded up to a multiple of this
	Buffers []Buffer
	Norms   []*graph.Norm
	// By norm: the growing buffer of whose first channels it is the norm, or None. Norms of one buffer
	// have the statistics of a channel in common.
	Shared   []BufID
	Forward  []PlanStep // ends before the head
	Head     HeadStep
	Backward []PlanStep
	Floats   int // size of the arena, floats an image

	branches []int // by value: graph.Branches
}

// BufID indexes Plan.Buffers; None means there is none.
type BufID int

// NormID indexes Plan.Norms; None means there is none.
type NormID int

// None is the absent BufID, NormID, block or branch.
const None = -1

// Buffer is a tensor with memory: an activation or the gradient of one. Steps are numbered through
// Forward, Head and Backward.
type Buffer struct {
	Name    string
	C, H, W int
	Grad    bool
	Grows   bool // holds the values of a chain of concatenations: see lower_grow.go
	First   int  // step that first writes it
	Last    int  // step that last reads it
	Offset  int  // in floats an image: a batch of n puts it at n*Offset
	Size    int  // floats an image, channels rounded up to Align
	// InPlace shares its buffer's memory on purpose (it is written where the other is read for the
	// last time), or is None.
	InPlace BufID

	branch int // graph.Branches of its value
}

// View is C channels of a buffer from Off on, read through a norm and a ReLU that are recomputed on
// load:
//
//	v = relu?(Norm ? scale*buffer + shift : buffer)
//
// scale and shift are the norm's, of the image's replica; channel Off of the buffer is channel
// NormOff of the norm.
type View struct {
	Buf     BufID
	Off, C  int
	Norm    NormID
	NormOff int
	ReLU    bool
}

// Grad is the gradient of C channels of a tensor y, recomputed on load from a gradient further up:
//
//	g' = Buf[Off..] * (Block ? beta of Block and Branch : 1)
//	     * (Mask ? [Mask > 0] : 1) * (ReLU ? [v(y) > 0] : 1)
//	dy = Norm ? gamma*invstd*(g' - S1/P - xhat*S2/P) : g'          v(y) = Norm ? scale*y + shift : y
//
// xhat = (y - mean)*invstd, S1 = sum g' and S2 = sum g'*xhat over the P values that a channel has
// in the image's replica.
type Grad struct {
	Buf           BufID
	Off, C        int
	Mask          BufID
	MaskOff       int
	Block, Branch int
	Norm          NormID
	NormOff       int
	Y             BufID
	YOff          int
	ReLU          bool
}

// GradOut is where a step adds to the gradient of its input:
//
//	dst = (Accumulate ? dst : 0) + [x > 0 if ReLU] * dx + Residual
type GradOut struct {
	Buf        BufID
	Off, C     int
	ReLU       bool
	Accumulate bool
	Residual   *Grad
}

// StatsOf asks a step that writes a buffer for the forward statistics of a norm over its channels
// from Off on.
type StatsOf struct {
	Norm NormID
	Off  int
	From int // channels of the norm in front of it have theirs; see Plan.Shared
}

// SumsOf asks a step that completes a gradient for the backward sums (sum g', sum g'*xhat) of
// Of.Norm.
type SumsOf struct{ Of Grad }

// PlanStep is one of ConvStep, NormStep, ApplyStep, StatsStep, PoolStep, DropStep, CopyStep,
// JoinStep, CorrelateStep, HeadStep, ConvBackStep, NormBackStep, SumsStep, GradSumStep,
// PoolBackStep.
type PlanStep interface {
	// uses calls f for every buffer the step touches.
	uses(f func(b BufID, write bool))
}

// ConvStep computes y = conv(x).
type ConvStep struct {
	Op    *graph.Conv
	X     View
	Y     BufID
	Stats []StatsOf
}

// NormStep turns a norm's statistics into its affine map and updates the running statistics.
type NormStep struct{ Norm NormID }

// ApplyStep stores a view.
type ApplyStep struct {
	X     View
	Y     BufID
	Stats []StatsOf
}

// StatsStep takes statistics of a buffer whose writer could not (the input).
type StatsStep struct {
	X     BufID
	Stats []StatsOf
}

// PoolStep computes the pool of Op.X.C channels of X from Off on.
type PoolStep struct {
	Op  *graph.Pool
	X   BufID
	Off int
	Y   BufID
}

// PoolBackStep computes DX, the gradient of a pool's input, from that of its output. X is read by a
// maximum alone.
type PoolBackStep struct {
	Op     *graph.Pool
	X      BufID
	Off    int
	DY, DX BufID
}

// DropStep multiplies Op.X.C channels of X from Off on by the factors of a dropout: activations, or
// gradients if Back. In evaluation it copies.
type DropStep struct {
	Op   *graph.Dropout
	X    BufID
	Off  int
	Y    BufID
	Back bool
}

// CopyStep copies channels XOff .. XOff+C-1 of X to Y from channel YOff on. The channels behind
// them, to End-1 and on to a multiple of Align, become zeros.
type CopyStep struct {
	X    BufID
	XOff int
	C    int
	Y    BufID
	YOff int
	End  int
	Back bool // of gradients
}

// JoinStep computes a block's shaken sum.
type JoinStep struct {
	Block    int
	Branches []View
	Skip     *View
	Y        BufID
	ReLU     bool
	Stats    []StatsOf
}

// CorrelateStep adds the elements of two views to the moments of its operation, in evaluation alone
// (Correlator).
type CorrelateStep struct{ A, B View }

// HeadStep is pooling, classifier and loss with their whole backward pass.
type HeadStep struct {
	Op   *graph.Head
	X    View
	DX   GradOut
	Sums []SumsOf
}

// ConvBackStep computes a convolution's weight gradients and, if DX is not nil, its data gradient.
// DY covers Y's channels in order.
type ConvBackStep struct {
	Op   *graph.Conv
	X    View
	DY   []Grad
	DX   *GradOut
	Sums []SumsOf
}

// NormBackStep turns a norm's backward sums into the coefficients of its gradient and the gradients
// of gamma and beta.
type NormBackStep struct{ Norm NormID }

// SumsStep takes backward sums that no writer could take.
type SumsStep struct{ Sums []SumsOf }

// GradSumStep stores dst = (Accumulate ? dst : 0) + sum of Terms; no terms: zeros.
type GradSumStep struct {
	Buf        BufID
	Off, C     int
	Accumulate bool
	Terms      []Grad
	Sums       []SumsOf
}

// NewPlan applies the passes to a primitive graph, with the device's options, and lowers the
// result. align is the device's channel block.
func NewPlan(g *graph.Graph, align int, options ...graph.Option) (*Plan, error) {
	if err := graph.Check(g); err != nil {
		return nil, fmt.Errorf("planning %s: %w", g.Name, err)
	}
	if n := padded(g); n > maxParams {
		return nil, fmt.Errorf("planning %s: %d parameters with their padding, want at most %d", g.Name, n, maxParams)
	}
	p := &Plan{Graph: graph.Passes(g, align, options...), Align: align}
	l := newLowering(p)
	if err := l.forward(); err != nil {
		return nil, err
	}
	if err := l.backward(); err != nil {
		return nil, err
	}
	p.lifetimes()
	p.layout()
	return p, nil
}

// maxParams is the largest number of parameters: devices keep places among them in 32 bits.
const maxParams = math.MaxInt32

// padded is the number of parameters where each begins on a multiple of 64.
func padded(g *graph.Graph) (n int64) {
	for _, p := range g.Params {
		n += (p.Elements() + 63) &^ 63
	}
	return n
}

// Steps returns every step of a training iteration in order.
func (p *Plan) Steps() []PlanStep {
	s := make([]PlanStep, 0, len(p.Forward)+1+len(p.Backward))
	s = append(s, p.Forward...)
	s = append(s, &p.Head)
	return append(s, p.Backward...)
}

// Uses tells f the buffers that a view reads.
func (v View) Uses(f func(BufID, bool)) { f(v.Buf, false) }

// Uses tells f the buffers that a gradient reads.
func (g Grad) Uses(f func(BufID, bool)) {
	f(g.Buf, false)
	if g.Mask != None {
		f(g.Mask, false)
	}
	if g.Y != None {
		f(g.Y, false)
	}
}

func (o *GradOut) uses(f func(BufID, bool)) {
	if o == nil {
		return
	}
	f(o.Buf, true)
	if o.Residual != nil {
		o.Residual.Uses(f)
	}
}

func usesSums(sums []SumsOf, f func(BufID, bool)) {
	for _, s := range sums {
		s.Of.Uses(f)
	}
}

func (s *ConvStep) uses(f func(BufID, bool))  { s.X.Uses(f); f(s.Y, true) }
func (s *NormStep) uses(func(BufID, bool))    {}
func (s *ApplyStep) uses(f func(BufID, bool)) { s.X.Uses(f); f(s.Y, true) }
func (s *StatsStep) uses(f func(BufID, bool)) { f(s.X, false) }
func (s *PoolStep) uses(f func(BufID, bool))  { f(s.X, false); f(s.Y, true) }
func (s *DropStep) uses(f func(BufID, bool))  { f(s.X, false); f(s.Y, true) }
func (s *CopyStep) uses(f func(BufID, bool))  { f(s.X, false); f(s.Y, true) }
func (s *PoolBackStep) uses(f func(BufID, bool)) {
	if s.Op.Max {
		f(s.X, false)
	}
	f(s.DY, false)
	f(s.DX, true)
}
func (s *JoinStep) uses(f func(BufID, bool)) {
	for _, b := range s.Branches {
		b.Uses(f)
	}
	if s.Skip != nil {
		s.Skip.Uses(f)
	}
	f(s.Y, true)
}
func (s *CorrelateStep) uses(f func(BufID, bool)) { s.A.Uses(f); s.B.Uses(f) }
func (s *HeadStep) uses(f func(BufID, bool))      { s.X.Uses(f); s.DX.uses(f); usesSums(s.Sums, f) }
func (s *ConvBackStep) uses(f func(BufID, bool)) {
	s.X.Uses(f)
	for _, g := range s.DY {
		g.Uses(f)
	}
	s.DX.uses(f)
	usesSums(s.Sums, f)
}
func (s *NormBackStep) uses(func(BufID, bool)) {}
func (s *SumsStep) uses(f func(BufID, bool))   { usesSums(s.Sums, f) }
func (s *GradSumStep) uses(f func(BufID, bool)) {
	f(s.Buf, true)
	for _, g := range s.Terms {
		g.Uses(f)
	}
	usesSums(s.Sums, f)
}
