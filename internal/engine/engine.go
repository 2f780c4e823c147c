// Package engine turns a graph.Graph into a program that trains on a device. This package knows no
// device: it holds the contract (Backend, Program), the fused Plan that device backends run, and
// the draws and schedules that all of them share.
package engine

import (
	"errors"

	"shake/internal/graph"
)

// Backend makes programs for one kind of device.
type Backend interface {
	Name() string // "ref", "cpu", "gpu"
	// Compile lays the graph (primitive, as graph.Build made it) out for the device. It does not
	// draw weights: see Init.
	Compile(g *graph.Graph, c Config) (Program, error)
}

// Images is a data set in host memory. A program uploads it once and keeps no reference to Pix.
type Images struct {
	N, C, H, W int
	Classes    int
	Pix        []byte   // N×C×H×W, planes R, G, B
	Labels     []uint16 // N
	Mean, Std  []float64
}

// Bytes is the memory of pixels and labels; nil has none.
func (im *Images) Bytes() int64 {
	if im == nil {
		return 0
	}
	return int64(len(im.Pix) + 2*len(im.Labels))
}

// Step is one training iteration.
type Step struct {
	Iteration uint32  // from 0, over the whole run: the counter word of every draw
	Index     []int32 // the images of the global batch, in order; len <= Config.Batch
	LR        float64
}

// Metrics are sums since the last reset. Loss is the sum over a step's images added, in float64, to
// that of the steps before: a loop that resets after every step and adds for itself gets the same
// bits.
type Metrics struct {
	Images  int
	Loss    float64 // sum over images of the cross-entropy: of Step with the targets, see Config
	Errors  int     // images whose top-1 class is wrong (ties go to the lowest class)
	BadStep int64   // Iteration of the first step whose loss was not finite; -1: none
}

// Program is a network on a device with its weights, momentum and running statistics. It belongs to
// one goroutine.
type Program interface {
	// Load makes train and test resident. Either may be nil.
	Load(train, test *Images) error
	// Step trains on one batch. It need not wait for the device: errors and metrics may appear
	// later.
	Step(s Step) error
	// Metrics waits for the device and returns the sums of Step since the last call with reset.
	Metrics(reset bool) (Metrics, error)
	// Eval runs test images lo..hi-1 with running statistics (replica 0's) and even coefficients.
	Eval(lo, hi int) (Metrics, error)
	// Logits runs the same images and returns N×Classes logits.
	Logits(lo, hi int) ([]float32, error)
	// State returns a copy of everything that training changes, in a fixed order: parameters by their
	// names, then "momentum/"+name, with Config.EMA Average+name, then running statistics
	// "replicaR/"+NAME.running_mean|running_var for every replica R, then the backend's own state,
	// Own+name.
	State() ([]Tensor, error)
	// SetState replaces the named tensors; others keep their values. An unknown name or a wrong
	// shape is an error and changes nothing.
	SetState(ts []Tensor) error
	// Info says what was decided, for the first lines of a run.
	Info() Info
	Close() error
}

// Abandoner is a Program that can leave a step off before its end.
type Abandoner interface {
	// Abandon has Step, Eval and Logits ask stop between operations; nil ends that. Once stop says
	// true they return ErrAbandoned, and leave state and metrics as they were before the call.
	Abandon(stop func() bool)
}

// ErrAbandoned is the error of a call that was left off because it was asked to.
var ErrAbandoned = errors.New("abandoned before its end")

// Average begins the names of averaged parameters.
const Average = "average/"

// Own begins the names of tensors that only some programs of a network have in their state. A state
// that moves to another program leaves out the tensors that the other program lacks.
const Own = "engine/"

// Tensor is a named array. Exactly one of F32 and F64 is set: ref keeps float64, every other device
// float32. SetState takes either.
type Tensor struct {
	Name  string
	Shape []int
	F32   []float32
	F64   []float64
}

// Info describes a program.
type Info struct {
	Device  string   // "cpu"
	Detail  string   // "avx512, 2 workers"
	Workers int      // threads; of a program on several cards, processes
	Memory  int64    // bytes the program holds, with its copy of the data set if it has one
	Free    int64    // bytes that its device had free before; 0: unknown, or the machine's own
	Cards   []string // its cards, or instances of MIG, by UUID; nil: it needs none
	Piece   int      // images that one Eval may take and still end well within a second; 0: a batch
}

// ReplicaRange returns the images lo..hi-1 of a batch of n that replica r of replicas trains on:
// contiguous, first ones larger (boundaries ceil(r*n/replicas), as torch's DataParallelTable
// splits).
func ReplicaRange(n, replicas, r int) (lo, hi int) {
	cut := func(r int) int { return (r*n + replicas - 1) / replicas }
	return cut(r), cut(r + 1)
}
