package cuda

import "fmt"

// Type is a storage type.
type Type int

// The storage types. F16 is IEEE binary16, BF16 the upper half of a float32.
const (
	F32 Type = iota
	F16
	BF16
)

// Size is in bytes.
func (t Type) Size() int {
	if t == F32 {
		return 4
	}
	return 2
}

func (t Type) String() string {
	switch t {
	case F32:
		return "f32"
	case F16:
		return "f16"
	case BF16:
		return "bf16"
	}
	return fmt.Sprintf("Type(%d)", int(t))
}

// Shape is common to all tensors of an elementwise kernel: the storage type, the map of one image,
// and the number of replicas of a batch.
type Shape struct {
	Type     Type
	H, W     int
	Replicas int
}

// Slice is channels Off .. Off+C-1 of an NHWC buffer whose pixels are Pitch elements apart. Buf is
// any number that names the buffer. Within one spec, equal numbers promise equal pointers, so that
// data shared by two operands is read once.
type Slice struct {
	Buf           int
	Off, C, Pitch int
}

// NormRef is the channels of a norm that belong to a slice: from Off on, of C in the whole norm.
type NormRef struct{ Off, C int }

// View is a slice read through the norm and the ReLU in front of it, with the formula of
// engine.View.
type View struct {
	Slice
	Norm *NormRef
	ReLU bool
}

// Grad is the gradient of C channels of a tensor Y, recomputed on load from a gradient G further
// up, with the formula of engine.Grad; with Draw, beta is the coefficient of Branch. The package
// comment has a norm's arrays.
type Grad struct {
	G      Slice
	Mask   *Slice
	Draw   *Draw
	Branch int
	Norm   *NormRef
	Y      *Slice
	ReLU   bool
}

// Mode is the choice of a pass's coefficients. TestModes holds the numbers to those of dsl.Mode,
// and the kernels' text gets them from here, by the names of modeNames.
type Mode int

// The modes. Keep and M1 .. M5 are for the backward pass; M1 .. M5 need two branches.
const (
	Even Mode = iota
	Shaken
	Keep
	M1
	M2
	M3
	M4
	M5
	Drop // of both passes, or of the forward pass with Keep
)

// modeNames are the modes' names in philox.cu.
var modeNames = [...]string{"SK_EVEN", "SK_SHAKEN", "SK_KEEP", "SK_M1", "SK_M2", "SK_M3", "SK_M4", "SK_M5", "SK_DROP"}

// Level is the scope of one draw, with the numbers of dsl.Level.
type Level int

// The levels: one draw an image, or one a replica's batch.
const (
	ImageLevel Level = iota
	BatchLevel
)

// Draw describes the draws of a block's coefficients alpha and beta. The seed and the iteration
// come from the Step on the device, and the block's number is an argument of the kernel. Counter
// and arithmetic are those of engine.Draw, to the bit.
type Draw struct {
	Branches          int
	Forward, Backward Mode
	Level             Level
	Low, High         float64 // range of alpha with two branches, or with Drop; [0, 1) by default
	BackLow, BackHigh float64 // of beta with Drop
	Open              float64 // Drop: the probability that a gate is open
	Expected          float64 // Drop: the coefficient at test time
}

// Step is the record that every drawing or learning kernel reads from device memory, little-endian,
// 32 bytes. A new record in the same place gives a replayed step other numbers.
type Step struct {
	Seed      uint64
	Iteration uint32
	Base      uint32  // position of this device's first image in the global batch
	Replica   uint32  // number of this device's first replica among all
	Images    uint32  // of the global batch: divides the gradient of the loss
	LR        float32 // of this step
	_         uint32
}

// StepSize is the size of a Step in bytes.
const StepSize = 32

// Scaler is the state of dynamic loss scaling in device memory, 16 bytes. The gradient of the loss
// is multiplied by Scale, and a step whose gradients are not finite is skipped. The initial state
// is {65536, 1.0/65536, 0, 0}.
type Scaler struct {
	Scale, Inverse float32
	Good           uint32 // steps since the scale last changed
	Bad            uint32 // 1: this step found an infinity or a NaN
}

// ScalerSize is the size of a Scaler in bytes.
const ScalerSize = 16

// Totals is the record in device memory to which the metrics kernel adds, 32 bytes. The initial
// record is {0, 0, 0, -1}.
type Totals struct {
	Loss    float64 // sum over images
	Images  int64
	Errors  int64
	BadStep int64 // iteration of the first step whose loss was not finite; -1: none
}

// TotalsSize is the size of Totals in bytes.
const TotalsSize = 32

// SpecError names the field of a spec for which no kernel exists.
type SpecError struct {
	Kernel, Field string
	Want, Have    string
}

func (e *SpecError) Error() string {
	return fmt.Sprintf("csrc/cuda: %s: %s: want %s, have %s", e.Kernel, e.Field, e.Want, e.Have)
}
