package dsl

// Spec is a network and its experiment, exactly as the TOML text asks for them: pure data,
// resolved (extends and overrides applied, defaults filled in), valid, and knowing no device.
type Spec struct {
	Name string // base name of the file without ".toml": "26-2x32d"
	Seed uint64 // key of every random number of the run

	Net   Net
	Shake Shake
	Train Train
	Data  Data

	Engine Engine
}

// Net is the architecture. A block of stage s computes
//
//	y = After(Skip(x) + sum over k of a_k * Branch_k(Before(x)))
//
// where Branch_1 .. Branch_Branches are copies of Branch with their own weights. Where the block
// changes the shape, Skip reads Before(x); elsewhere it is x. With SkipConcat the sum over k stands
// behind the channels of x instead.
type Net struct {
	Stem       []Layer
	Transition []Layer // in front of every stage but the first, whose stride it takes
	Stages     []Stage
	Before     []Layer // only BN and ReLU
	Branch     []Layer
	Branches   int // >= 1
	Skip       SkipKind
	SkipLayers []Layer // of SkipList
	After      []Layer // only ReLU; empty in pre-activation nets
	Head       []Layer // [relu | bn]* avgpool linear
}

// Stage is a run of blocks of one width. The transition in front of it takes the stride, or the
// first block where there is none.
type Stage struct {
	Width  int // channels of a block's sum; default of every conv in the branch
	Blocks int
	Stride int // default 1 in the first stage, 2 in the others
	Last   int // if the width rises: that of the last block, Width being the first's; else 0
}

// WidthOf is the width of block b, counted from 0. A width that rises does so evenly, each rounded
// to the nearest whole number, halves up.
func (s Stage) WidthOf(b int) int {
	if s.Last == 0 || s.Blocks < 2 {
		return s.Width
	}
	steps := s.Blocks - 1
	return s.Width + (2*(s.Last-s.Width)*b+steps)/(2*steps)
}

// LayerKind is the operation of a layer.
type LayerKind int

// The kinds of layer. AvgPool in the head is the mean of the whole map, elsewhere of every window.
const (
	Conv LayerKind = iota
	BN
	ReLU
	AvgPool
	Linear  // the classifier: only in the head
	MaxPool // the maximum of every window
	Widen   // channels of zeros behind the input's, up to the stage's width: only in a skip
	Dropout // zeros at random, in training: only in a branch
)

// Layer is one word of a stem, branch, after or head list.
type Layer struct {
	Kind        LayerKind
	R, S        int // kernel height and width (Conv, pools)
	Out         int // output channels (Conv), counted in OutUnit; 0 is the stage's width
	OutUnit     Unit
	Groups      int // Conv, counted in GroupsUnit; >= 1
	GroupsUnit  Unit
	Stride      int     // Conv, pools; fixed stride >= 1; ignored if TakesStride
	TakesStride bool    // the stage's stride; in a branch or a skip: in its first block
	Pad         int     // rows and columns on every side; default (R-1)/2, of a pool 0
	Rate        float64 // Dropout: the probability of a zero, between 0 and 1
}

// windowed says whether the layer reads windows of pixels, and so has a kernel and a stride.
func (l Layer) windowed() bool { return l.Kind == Conv || l.R > 0 }

// LeftOut says whether the layer does nothing in a block of that stride: a pool that takes the
// stage's stride pools only where there is one.
func (l Layer) LeftOut(stride int) bool { return l.Kind != Conv && l.TakesStride && stride == 1 }

// SkipKind is the skip connection of a block that changes the shape (channels or stride).
// Where it does not change the skip is the identity, except for SkipNone.
type SkipKind int

// The kinds of skip (docs/paper.md, Networks). SkipIdentity is only valid where no block changes
// shape.
const (
	SkipNone SkipKind = iota // no skip anywhere: architectures A, B, C
	SkipIdentity
	SkipConv    // Conv1x1(stride)+BN
	SkipTwoFlow // ReLU, two shifted subsampled Conv1x1 concatenated, BN
	SkipConcat  // of every block: x with the sum's channels behind its own
	SkipList    // Net.SkipLayers
)

// Mode says how a pass chooses its scaling coefficients.
type Mode int

// The modes. Keep and M1..M5 are for the backward pass only; M1..M5 need exactly two branches and
// Image level.
const (
	Even   Mode = iota // 1/Branches
	Shaken             // two branches: U[lo,hi) and its complement; more: uniform on the simplex
	Keep               // backward: the forward's coefficients
	M1
	M2
	M3
	M4
	M5
	Drop // ShakeDrop: 1 where a gate is open, else a fresh draw from [lo,hi); each branch has its own
)

// Level says what shares one draw.
type Level int

// The levels: one draw an image, or one a replica's batch.
const (
	Image Level = iota
	Batch
)

// Shake is the regularization: S-S-I is {Shaken, Shaken, Image}.
type Shake struct {
	Forward, Backward Mode
	Level             Level
	Range             [2]float64 // [lo, hi) of a, default [0, 1)
	BackwardRange     [2]float64 // of b with Drop; else Range
	Gate              float64    // Drop: the probability that the last block's gates are open
}

// Open is the probability that the gates of block i of n, counted from 0, are open: it falls
// linearly from 1 in front of the first block to Gate in the last (Yamada et al. 2018).
func (s Shake) Open(i, n int) float64 { return 1 - float64(i+1)/float64(n)*(1-s.Gate) }

// Train is the recipe.
type Train struct {
	Epochs   int
	Batch    int // global
	Replicas int // groups of the batch with their own BN statistics and draws (the paper's cards)
	LR       float64
	Schedule string // "cosine" (annealed every iteration to 0), "step" or "constant"
	// Where the schedule turns: below 1 fractions of the training, else epochs
	Milestones  []float64
	Factor      float64 // of the rate at every milestone of "step"
	Warmup      []Phase
	SWA         float64 // epochs, or below 1 the fraction of the training, before averaging; 0: none
	EMA         float64 // decay of an exponential average of the weights; 0: none
	Momentum    float64
	Nesterov    bool
	WeightDecay float64
	Clip        float64 // the largest norm of a gradient; 0: any
	Mixup       float64 // a of Beta(a, a), from which weights of mixed images are drawn; 0: none
	Smoothing   float64 // of labels: the part of a target that all classes share alike

	MaxSteps        int // stop after this many iterations; 0: never
	LogSteps        int // one metrics line every so many steps; 0: none
	Workers         int // CPU threads; 0: all
	CheckpointEvery int // epochs between checkpoints; default 1
	CheckpointSteps int // steps between checkpoints besides those; 0: none
	EvalEvery       int // epochs between evaluations; the last epoch has one always
}

// Phase is a warm-up: the first Epochs epochs at a constant LR, or rising to it. The schedule
// counts its epochs too.
type Phase struct {
	Epochs int
	LR     float64
	Ramp   bool // the rate rises every iteration, from that of the phase before or from 0
}

// Data is the data set and its augmentation.
type Data struct {
	Set         string     // "cifar10", "cifar100", "synthetic" or "images"
	Size        int        // height and width of an image, in pixels; 32 but for "images"
	Channels    int        // 3, or 1 (grey) for "images"
	Count       int        // classes of "images"; 0 for the other sets
	Mean, Std   [3]float64 // in units of a byte, 0..255
	Flip        bool       // horizontal, p = 0.5
	Crop        int        // zeros on each side (after normalising) before the random crop; 0: none
	Cutout      int        // side of the square that is zeroed; 0: none
	Erase       float64    // probability of random erasing
	Augment     bool       // false switches Flip, Crop, Cutout and Erase off
	Shuffle     bool       // false: the order of the file
	TrainImages int        // first so many; 0: all
	TestImages  int
	Validation  int    // so many training images are kept out of training
	Split       string // "last" or "random": which
}

// Engine says how a device computes. Nothing of it changes the experiment: two settings differ by
// rounding.
type Engine struct {
	Conv          string // "auto" or "direct"
	Precision     string // "auto", "fp32", "tf32", "bf16" or "fp16"
	Deterministic bool   // the same seed gives the same bits on one device
}
