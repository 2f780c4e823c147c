package gpu

import (
	kernels "shake/csrc/cuda"
	"shake/internal/engine"
)

func (l *List) augmentLaunch(o *Augment, m mode, c engine.Config) (*Launch, error) {
	b := l.Plan.Buffers[o.Y]
	spec := kernels.AugmentSpec{Type: l.Type, C: b.C, H: b.H, W: b.W, Pitch: round(b.C), Train: m == training && c.Augments(), Flip: c.Flip, Crop: c.Crop, Cutout: c.Cutout, Erase: c.Erase, Mixed: m == training && l.Recipe.Mixup}
	table, pix := Arg{Kind: TrainTable}, Arg{Kind: TrainPixels}
	if m == evaluation {
		table, pix = Arg{Kind: EvalTable}, Arg{Kind: EvalPixels}
	}
	return launch(spec, map[string]Arg{"table": table, "pix": pix, "index": {Kind: Index}, "y": buffer(o.Y)})
}

func (l *List) packLaunch() (*Launch, error) {
	return launch(kernels.GatherSpec{From: kernels.F32, To: l.Type},
		map[string]Arg{"x": {Kind: Weights}, "index": {Kind: PackFrom}, "y": {Kind: Packed}, "n": {Number, l.Params.Packed}})
}

func (l *List) unpackLaunch() (*Launch, error) {
	return launch(kernels.GatherSpec{From: kernels.F32, To: kernels.F32},
		map[string]Arg{"x": {Kind: PackedGrads}, "index": {Kind: PackTo}, "y": {Kind: Gradients}, "n": {Number, l.Params.Loose}})
}

func (l *List) clipLaunch(c engine.Config) (*Launch, error) {
	named := map[string]Arg{"g": {Kind: Gradients}, "clip": {Kind: ClipFactor}, "n": {Number, l.Params.Floats}}
	if l.Type == kernels.F16 {
		named["scaler"] = Arg{Kind: LossScale}
	}
	return launch(kernels.ClipSpec{Most: c.Clip}, named)
}

func (l *List) sgdLaunch(o *SGD, c engine.Config) (*Launch, error) {
	named := map[string]Arg{"w": {Weights, o.Lo}, "v": {Velocity, o.Lo}, "g": {Gradients, o.Lo}, "n": {Number, o.Hi - o.Lo}}
	if l.Type == kernels.F16 {
		named["scaler"] = Arg{Kind: LossScale}
	}
	if l.Recipe.Average {
		named["average"] = Arg{Average, o.Lo}
	}
	if l.Recipe.Clip {
		named["clip"] = Arg{Kind: ClipFactor}
	}
	if l.Type != kernels.F32 {
		named["copy"] = Arg{Storage, o.Lo}
	}
	return launch(kernels.SGDSpec{Momentum: c.Momentum, WeightDecay: c.WeightDecay, Nesterov: c.Nesterov, Copy: l.Type, Averaged: l.Recipe.Average, Keep: c.EMA}, named)
}

// correlateLaunch uses no lanes: those beyond a tensor's own channels are no elements.
func (l *List) correlateLaunch(o *Correlate) (*Launch, error) {
	p := operands{l, false}
	spec := kernels.CorrelateSpec{Shape: l.shape(o.A.Buf), A: p.view(o.A), B: p.view(o.B)}
	return launch(spec, map[string]Arg{"xa": buffer(o.A.Buf), "norma": normArg(Norm, o.A.Norm), "xb": buffer(o.B.Buf), "normb": normArg(Norm, o.B.Norm),
		"state": {Moments, o.Index}})
}

// headLaunch uses no lanes: the classifier's arrays have none.
func (l *List) headLaunch(s *Head, m mode, c engine.Config) (*Launch, error) {
	o := operands{l, false}
	spec := kernels.HeadSpec{Shape: l.shape(s.X.Buf), X: o.view(s.X), Classes: l.Plan.Graph.Classes, WOff: l.Params.Offset[s.Op.W], BOff: l.Params.Offset[s.Op.Bias], Train: m == training, Smoothing: c.Smoothing, Mixed: l.Recipe.Mixup}
	named := map[string]Arg{"x": buffer(s.X.Buf), "norm": normArg(Norm, s.X.Norm), "labels": {Kind: TrainLabels}, "index": {Kind: Index},
		"mean": {Kind: Mean}, "dlogits": {Kind: DLogits}, "loss": {Kind: Loss}, "wrong": {Kind: Wrong}}
	if m == evaluation {
		named["labels"], named["logits"] = Arg{Kind: EvalLabels}, Arg{Kind: Logits}
		return launch(spec, named)
	}
	if l.Type == kernels.F16 {
		named["scaler"] = Arg{Kind: LossScale}
	}
	if s.DX != nil {
		dx := o.slice(s.DX.Buf, s.DX.Off, s.DX.C)
		spec.DX, spec.Mask, spec.Accumulate = &dx, s.DX.ReLU, s.DX.Accumulate
		named["dx"] = buffer(s.DX.Buf)
	}
	return launch(spec, named)
}

func (l *List) headGradLaunch(o *HeadGrad) (*Launch, error) {
	return launch(kernels.HeadGradSpec{C: o.Op.X.C, Classes: l.Plan.Graph.Classes, WOff: l.Params.Offset[o.Op.W], BOff: l.Params.Offset[o.Op.Bias]},
		map[string]Arg{"mean": {Kind: Mean}, "dlogits": {Kind: DLogits}})
}

// normEvalLaunch sets a norm's affine map for evaluation.
func (l *List) normEvalLaunch(id engine.NormID) (*Launch, error) {
	running := Running
	if l.Several != nil {
		running = Replica0
	}
	return normLaunch(kernels.NormEvalSpec{C: l.normWidth(id), Replicas: l.Replicas}, id, map[string]Arg{"running": {running, int(id)}, "norm": {Norm, int(id)}})
}

// castLaunch makes the weights' copy in the storage type, with the same bits as SGD's.
func (l *List) castLaunch() (*Launch, error) {
	return launch(kernels.GatherSpec{From: kernels.F32, To: l.Type, Plain: true}, map[string]Arg{"x": {Kind: Weights}, "y": {Kind: Storage}, "n": {Number, l.Params.Floats}})
}
