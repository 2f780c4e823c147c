package graph

import "shake/dsl"

// Graph is a network. Ops are in forward order; an op's inputs are defined by earlier ops, Input,
// or nothing.
type Graph struct {
	Name    string
	Classes int
	Values  []Value
	Params  []Param
	Ops     []Op
	Blocks  []Block
	Input   ValueID // normalised images, 3×32×32
}

// ValueID indexes Graph.Values.
type ValueID int

// Value is one activation. A virtual value has no memory: each reader recomputes it from the input
// of the elementwise op (Norm or ReLU) that defines it. Only the recompute pass makes values
// virtual.
type Value struct {
	Name    string
	C, H, W int
	Virtual bool
}

// Ref is C channels of a value from channel Off on.
type Ref struct {
	Value  ValueID
	Off, C int
}

// ParamID indexes Graph.Params.
type ParamID int

// Param is a trained tensor with its PyTorch state-dict name, e.g.
// "stages.0.0.branches.1.4.weight":
//
//	stem.I.weight                               layer I of the stem, as nn.Sequential numbers it:
//	                                            words without parameters count
//	stages.S.transition.I.weight|bias           layer I of the transition in front of stage S
//	stages.S.B.before.I.weight|bias             layer I in front of block B's branches in stage S
//	stages.S.B.branches.K.I.weight|bias         layer I of its branch K
//	stages.S.B.skip.a.weight, .b.weight         two-flow: flow A, flow B
//	stages.S.B.skip.conv.weight                 conv skip
//	stages.S.B.skip.bn.weight|bias              its BN
//	stages.S.B.skip.I.weight|bias               layer I of a skip that is a list
//	head.I.weight|bias
//
// A BN also owns the buffers NAME.running_mean and NAME.running_var, NAME being its prefix.
type Param struct {
	Name  string
	Shape []int // conv [K, C/groups, R, S]; linear [classes, C]; BN [C]
	Init  Init
}

// InitKind is how a parameter starts.
type InitKind int

// The initialisations of the recipe (docs/paper.md).
const (
	InitZero InitKind = iota
	InitOne
	InitNormal  // N(0, Scale)
	InitUniform // U(-Scale, Scale)
)

// Init is a distribution; Scale is a standard deviation or half a width.
type Init struct {
	Kind  InitKind
	Scale float64
}

// Block is the parameters of the draws of one shaken sum.
type Block struct {
	Name     string // "stages.1.0"
	Branches int
	Shake    dsl.Shake
	Open     float64 // dsl.Drop: the probability that a gate of the block is open
}

// Expected is the coefficient of every branch at test time: one over their number, or with gates
// the expectation of the forward pass's.
func (b Block) Expected() float64 {
	if b.Shake.Forward == dsl.Drop {
		return b.Open + (1-b.Open)*(b.Shake.Range[0]+b.Shake.Range[1])/2
	}
	return 1 / float64(b.Branches)
}

// Single says whether the block's join is its one branch: nothing is added to it, and its
// coefficient is 1 in both passes.
func (b Block) Single(j *Join) bool {
	s := b.Shake
	one := s.Forward == dsl.Even && (s.Backward == dsl.Even || s.Backward == dsl.Keep)
	return one && len(j.Branches) == 1 && j.Skip == nil && !j.ReLU
}

// Op is one of Conv, Norm, ReLU, Pool, Dropout, Widen, Subsample, Concat, Join, Correlate, Head.
type Op interface{ op() }

// Conv is one or more convolutions that read one value with one stride and write one value:
//
//	y[k,p,q] = sum over parts, c, r, s of
//	           x[XOff+c, p*Stride+r-PadH, q*Stride+s-PadW] * w[k-YOff, c, r, s]
//
// with zeros outside x. A primitive conv has one part. Parts write disjoint channel ranges that
// cover Y. P and Q are explicit (Y's H and W), so a 1x1 part with PadH = PadW = 1 reads the pixel
// above and to the left: flow B of the two-flow skip.
type Conv struct {
	X      Ref // the parts' XOff count from X.Off
	Y      ValueID
	Stride int
	Parts  []ConvPart
}

// ConvPart is one convolution of a Conv: K outputs from C inputs in Groups groups.
type ConvPart struct {
	W          ParamID
	XOff, C    int
	YOff, K    int
	Groups     int
	R, S       int
	PadH, PadW int
}

// NormEpsilon keeps a norm finite, and NormMomentum is the weight of a batch in the running
// statistics. Both are PyTorch's.
const NormEpsilon, NormMomentum = 1e-5, 0.1

// Norm is training-mode batch normalisation, per replica, and optionally a ReLU on its output:
//
//	y = relu?(gamma * (x - mean) / sqrt(var + NormEpsilon) + beta)
//
// At test time mean and var are the running ones, which move by NormMomentum of the way to a
// batch's. Parts cover X's channels in order.
type Norm struct {
	X     Ref
	Y     ValueID
	ReLU  bool
	Parts []NormPart
}

// NormPart is one BN layer within a Norm.
type NormPart struct {
	Name        string // prefix of running_mean and running_var
	Gamma, Beta ParamID
	Off, C      int // within X
}

// ReLU is y = max(x, 0).
type ReLU struct {
	X Ref
	Y ValueID
}

// Pool is the maximum or the mean of windows of R×S pixels:
//
//	y[p,q] = max or mean over r < R, s < S of x[p*Stride+r-Pad, q*Stride+s-Pad]
//
// Pixels outside x are zeros to a mean and no candidates of a maximum. The gradient of a maximum
// goes to the first of the largest, by rows.
type Pool struct {
	X      Ref
	Y      ValueID
	Max    bool
	R, S   int
	Stride int
	Pad    int // at most half of R and S
}

// Dropout is y = x * m / (1-Rate) in training, m being 0 with probability Rate and else 1, drawn
// for every number (engine.Kept); at test time y = x.
type Dropout struct {
	X     Ref
	Y     ValueID
	Rate  float64
	Index int // of the graph's dropouts, in the order of the forward pass: part of a draw's counter
}

// Widen is y = x with channels of zeros behind it.
type Widen struct {
	X Ref
	Y ValueID
}

// Subsample takes every Stride-th row and column after shifting x right and down by Shift pixels,
// zeros entering: y[p,q] = x[p*Stride-Shift, q*Stride-Shift], 0 outside.
type Subsample struct {
	X             Ref
	Y             ValueID
	Stride, Shift int
}

// Concat stacks its inputs on channels, first to last.
type Concat struct {
	Xs []Ref
	Y  ValueID
}

// Join is the shaken sum of a block: y = relu?(skip + sum over k of a_k * branch_k), a_k per image
// or per batch. In the backward pass branch k's gradient is b_k * dy and skip's is dy. In eval mode
// every a_k is the block's Expected.
type Join struct {
	Block    int // index of Graph.Blocks
	Branches []Ref
	Skip     *Ref // nil: none
	Y        ValueID
	ReLU     bool
}

// Correlate compares two values of one shape, element by element over images, channels and
// positions. It writes no value: evaluation adds the pairs to the moments of this operation, and
// training does not run it. Correlations makes them.
type Correlate struct{ A, B Ref }

// Head is global average pooling, the linear classifier and the softmax cross-entropy:
// logits = W * mean over H,W of x + bias.
type Head struct {
	X       Ref
	W, Bias ParamID
}

func (*Conv) op()      {}
func (*Norm) op()      {}
func (*ReLU) op()      {}
func (*Pool) op()      {}
func (*Dropout) op()   {}
func (*Widen) op()     {}
func (*Subsample) op() {}
func (*Concat) op()    {}
func (*Join) op()      {}
func (*Correlate) op() {}
func (*Head) op()      {}
