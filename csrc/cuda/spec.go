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

// Shape is what all tensors of an elementwise kernel share: the storage type, the map of one image, and the number of replicas of a batch.
type Shape struct {
	Type     Type
	H, W     int
	Replicas int
}

// Slice is channels Off .. Off+C-1 of an NHWC buffer whose pixels are Pitch elements apart. Buf is any number that names the buffer: within one spec, equal
// numbers promise equal pointers, so that what two operands share is read once.
type Slice struct {
	Buf           int
	Off, C, Pitch int
}

// NormRef is the channels of a norm that belong to a slice: from Off on, of C in the whole norm.
type NormRef struct{ Off, C int }

// View is a slice read through the norm and the ReLU in front of it, as engine.View says.
type View struct {
	Slice
	Norm *NormRef
	ReLU bool
}

// Grad is the gradient of C channels of a tensor Y, recomputed on load from a gradient G further up, as engine.Grad says; beta is that of Branch, if Draw.
// With a norm, y is scale*y + shift forward, and dy = ca*g' + cb*y + cc: see the package comment.
type Grad struct {
	G      Slice
	Mask   *Slice
	Draw   *Draw
	Branch int
	Norm   *NormRef
	Y      *Slice
	ReLU   bool
}

// Mode says how a pass chooses its coefficients, numbered as dsl.Mode; kernels know it by the names in modeNames.
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
)

// modeNames are what philox.cu calls the modes.
var modeNames = [...]string{"SH_EVEN", "SH_SHAKEN", "SH_KEEP", "SH_M1", "SH_M2", "SH_M3", "SH_M4", "SH_M5"}

// Level says what shares one draw, numbered as dsl.Level.
type Level int

// The levels: one draw an image, or one a replica's batch.
const (
	ImageLevel Level = iota
	BatchLevel
)

// Draw says how the coefficients alpha and beta of a block are drawn. The seed and the iteration come from the Step on the device, the block's number is an
// argument of the kernel; counter and arithmetic are those of engine.Draw, to the bit.
type Draw struct {
	Branches          int
	Forward, Backward Mode
	Level             Level
	Low, High         float64 // range of alpha with two branches: [0, 1) unless said otherwise
}

// Step is the record that every drawing or learning kernel reads from device memory, little-endian, 40 bytes. A captured step is replayed with other
// numbers by writing it anew.
type Step struct {
	Seed      uint64
	Iteration uint32
	Base      uint32  // position of this device's first image in the global batch
	Replica   uint32  // number of this device's first replica among all
	Images    uint32  // of the global batch: divides the gradient of the loss
	LR        float32 // of this step
	Lo        uint32  // not read by kernels: free for the caller
	Reserved  uint64
}

// StepSize is the size of a Step in bytes.
const StepSize = 40

// Scaler is the state of dynamic loss scaling in device memory, 16 bytes: the gradient of the loss is multiplied by Scale, and a step whose gradients are
// not finite is skipped. It starts as {65536, 1.0/65536, 0, 0}.
type Scaler struct {
	Scale, Inverse float32
	Good           uint32 // steps since the scale last changed
	Bad            uint32 // 1: this step found an infinity or a NaN
}

// ScalerSize is the size of a Scaler in bytes.
const ScalerSize = 16

// Totals is what the metrics kernel adds to in device memory, 32 bytes. It starts as {0, 0, 0, -1}.
type Totals struct {
	Loss    float64 // sum over images
	Images  int64
	Errors  int64
	BadStep int64 // iteration of the first step whose loss was not finite; -1: none
}

// TotalsSize is the size of Totals in bytes.
const TotalsSize = 32

// SpecError says which field of a spec no kernel can be made for.
type SpecError struct {
	Kernel, Field string
	Want, Have    string
}

func (e *SpecError) Error() string {
	return fmt.Sprintf("csrc/cuda: %s: %s: want %s, have %s", e.Kernel, e.Field, e.Want, e.Have)
}
