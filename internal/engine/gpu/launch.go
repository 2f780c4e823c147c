package gpu

import (
	"fmt"

	kernels "shake/csrc/cuda"
	"shake/internal/engine"
)

// Launch is one launch of a kernel of ours: the kernel's text and the meaning of each argument,
// still without addresses.
type Launch struct {
	Kernel *kernels.Kernel
	Args   []Arg // in the order of Kernel.Args
	N      int   // size of its grid; 0: the images of the batch at hand
}

// Arg is the meaning of a kernel's argument.
type Arg struct {
	Kind ArgKind
	// number of the buffer, norm, or stream of scratch; the value of a Number; the first number of
	// Weights to Storage
	Index int
}

// ArgKind is a kind of array in device memory, or a number.
type ArgKind int

// The kinds of argument. Kinds from Activation to Replica0 are numbered. A program has one array of
// every other kind; that of Moments has a record for each Correlate op.
const (
	Null       ArgKind = iota
	Activation         // a buffer of the arena: Index is its BufID
	Norm               // the coefficients of norm Index
	Running            // the running statistics of norm Index
	GammaAt            // the place of its scales among the parameters, by channel
	BetaAt             // the place of its shifts, likewise
	Replica0           // on several cards: replica 0's running statistics of norm Index
	Number             // Index itself
	Images             // the number of images in the batch at hand

	Weights     // all parameters
	Velocity    // their momentum
	Average     // their exponential average
	Gradients   // their gradients
	Storage     // their copy in the storage type
	Packed      // packed filters, in the storage type
	PackedGrads // their gradients
	PackFrom    // Params.From
	PackTo      // Params.To
	StepRecord  // kernels.Step: the data that change from step to step
	Index       // the indexes of the images in the batch at hand
	LossScale   // kernels.Scaler
	ClipFactor  // the factor of Clip, and the norm
	Partial     // scratch of a launch; every stream has its own, and its own Counter and Sums
	Counter     // counters of a launch
	Sums        // sums by cuDNN for a kernel of ours, see rivals
	Mean        // the head's result for a batch: pooled images
	DLogits
	Logits
	Loss
	Wrong
	Moments     // kernels.Moments of Correlate op Index
	TrainTotals // kernels.Totals since the last reset
	EvalTotals
	TrainPixels // data sets: bytes, their normalised values, labels
	TrainTable
	TrainLabels
	EvalPixels
	EvalTable
	EvalLabels
	argKinds // the number of kinds
)

// args matches the arguments of k with their meanings by name; pointers without a name are null.
func args(k *kernels.Kernel, named map[string]Arg) ([]Arg, error) {
	var out []Arg
	used := 0
	for _, a := range k.Args {
		v, ok := named[a.Name]
		switch {
		case ok:
			used++
		case a.Name == "scaler":
			v = Arg{} // this argument exists only where the loss is scaled
		case a.Name == "n":
			v = Arg{Kind: Images}
		case a.Name == "params":
			v = Arg{Kind: Weights}
		case a.Name == "grads":
			v = Arg{Kind: Gradients}
		case a.Name == "partial":
			v = Arg{Kind: Partial}
		case a.Name == "counter":
			v = Arg{Kind: Counter}
		case a.Name == "step":
			v = Arg{Kind: StepRecord}
		case a.Kind != kernels.Pointer:
			v = Arg{Kind: Number}
		}
		out = append(out, v)
	}
	if used != len(named) {
		return nil, fmt.Errorf("gpu: kernel %s takes %d of the arguments %v", k.Entry, used, named)
	}
	return out, nil
}

// launch specialises spec and names its arguments.
func launch(spec kernels.Spec, named map[string]Arg) (*Launch, error) {
	k, err := spec.Kernel()
	if err != nil {
		return nil, err
	}
	a, err := args(k, named)
	return &Launch{Kernel: k, Args: a, N: named["n"].Index}, err
}

// onStream is a with the scratch of that stream.
func (a Arg) onStream(stream int) Arg {
	if a.Kind == Partial || a.Kind == Counter || a.Kind == Sums {
		a.Index = stream
	}
	return a
}

func (l *Launch) onStream(stream int) {
	for i, a := range l.Args {
		l.Args[i] = a.onStream(stream)
	}
}

// mode is the purpose of a pass over a list.
type mode int

const (
	training mode = iota
	evaluation
)

// launch is op's launch. It is nil for convolutions, for clearing, and in evaluation for every op
// that only training runs.
func (l *List) launch(o Op, m mode, c engine.Config) (*Launch, error) {
	switch o := o.(type) {
	case *Augment:
		return l.augmentLaunch(o, m, c)
	case *Pack:
		return l.packLaunch()
	case *Apply:
		return l.applyLaunch(o, m)
	case *Pool:
		return l.poolLaunch(o)
	case *Drop:
		return l.dropLaunch(o, m)
	case *Copy:
		return l.copyLaunch(o, m)
	case *Join:
		return l.joinLaunch(o, m)
	case *Head:
		return l.headLaunch(o, m, c)
	case *Tally:
		return launch(kernels.MetricsSpec{}, map[string]Arg{"loss": {Kind: Loss}, "wrong": {Kind: Wrong}, "totals": {Kind: TrainTotals + ArgKind(m)}})
	}
	if m == evaluation {
		if o, ok := o.(*Correlate); ok {
			return l.correlateLaunch(o)
		}
		return nil, nil
	}
	switch o := o.(type) {
	case *Stats:
		return l.statsLaunch(o)
	case *PoolGrad:
		return l.poolGradLaunch(o)
	case *HeadGrad:
		return l.headGradLaunch(o)
	case *GradConcat:
		return l.gradConcatLaunch(o)
	case *GradSum:
		return l.gradSumLaunch(o)
	case *Unpack:
		return l.unpackLaunch()
	case *Finite:
		return launch(kernels.LossScaleCheckSpec{}, map[string]Arg{"g": {Kind: Gradients}, "scaler": {Kind: LossScale}, "n": {Number, l.Params.Floats}})
	case *Clip:
		return l.clipLaunch(c)
	case *SGD:
		return l.sgdLaunch(o, c)
	case *Rescale:
		return launch(kernels.LossScaleUpdateSpec{Growth: growth}, map[string]Arg{"scaler": {Kind: LossScale}})
	}
	return nil, nil
}

// growth is the number of steps without an overflow after which the loss scale doubles.
const growth = 2000
