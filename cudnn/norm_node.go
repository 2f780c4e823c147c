package cudnn

import "fmt"

// NormForward is the node of a batch norm in training: statistics of each channel of X over images
// and positions, then Y from them. With Given it is Y from the statistics Mean and InvStd; cuDNN
// takes this only as a part of a backward pass.
type NormForward struct {
	X, Scale, Bias, Epsilon, Y Ref
	Given                      bool
	Mean, InvStd               Ref // saved for the backward pass
	// Of the running statistics; 0, as the four below: no running statistics
	Momentum          Ref
	PrevMean, PrevVar Ref
	NextMean, NextVar Ref
}

// NormBackward is the node of a batch norm's gradients from the saved statistics.
type NormBackward struct{ X, DY, Scale, Mean, InvStd, DX, DScale, DBias Ref }

func (n *NormForward) op() string { return "norm" }

func (n *NormForward) reads() []Ref {
	if n.Given {
		return []Ref{n.X, n.Scale, n.Bias, n.Mean, n.InvStd}
	}
	r := []Ref{n.X, n.Scale, n.Bias, n.Epsilon}
	if n.Momentum != 0 {
		r = append(r, n.PrevMean, n.PrevVar, n.Momentum)
	}
	return r
}

func (n *NormForward) writes() []Ref {
	if n.Given {
		return []Ref{n.Y}
	}
	r := []Ref{n.Y, n.Mean, n.InvStd}
	if n.Momentum != 0 {
		r = append(r, n.NextMean, n.NextVar)
	}
	return r
}

func (n *NormForward) check(g *Graph) error {
	perChannel := []Ref{n.Scale, n.Bias, n.Mean, n.InvStd}
	if n.Momentum != 0 {
		perChannel = append(perChannel, n.PrevMean, n.PrevVar, n.NextMean, n.NextVar)
	}
	return checkNorm(g, []Ref{n.X, n.Y}, perChannel)
}

// checkNorm requires tensors of one shape, and F32 tensors of one value a channel.
func checkNorm(g *Graph, same, perChannel []Ref) error {
	x := g.at(same[0])
	if len(x.Dims) != 4 {
		return fmt.Errorf("%v: want four dimensions", x.Dims)
	}
	for _, r := range same {
		t := g.at(r)
		if fmt.Sprint(t.Dims) != fmt.Sprint(x.Dims) {
			return fmt.Errorf("%s is %v, %s %v: want one shape", x.Name, x.Dims, t.Name, t.Dims)
		}
		if !t.Type.float() {
			return fmt.Errorf("%s is %v: want f32, f16 or bf16", t.Name, t.Type)
		}
	}
	for _, r := range perChannel {
		if t := g.at(r); t.Type != F32 || len(t.Dims) != 4 || t.Dims[1] != x.Dims[1] || t.Elements() != x.Dims[1] {
			return fmt.Errorf("%s is %v: want [1 %d 1 1] f32", t.Name, t.TensorDesc, x.Dims[1])
		}
	}
	return nil
}

func (n *NormForward) lower(l *lowering) spec {
	phase := int32(normTraining)
	if n.Given {
		phase = normInference
	}
	a := []attr{
		{attrNormMode, typeNormMode, int32(batchNorm)},
		{attrNormPhase, typeNormPhase, phase},
		{attrNormX, typeDescriptor, l.tensor(n.X)},
		{attrNormMean, typeDescriptor, l.tensor(n.Mean)},
		{attrNormInvStd, typeDescriptor, l.tensor(n.InvStd)},
		{attrNormScale, typeDescriptor, l.tensor(n.Scale)},
		{attrNormBias, typeDescriptor, l.tensor(n.Bias)},
		{attrNormY, typeDescriptor, l.tensor(n.Y)},
	}
	a = l.optional(a, attrNormEpsilon, n.Epsilon)
	a = l.optional(a, attrNormMomentum, n.Momentum)
	a = l.optional(a, attrNormPrevMean, n.PrevMean)
	a = l.optional(a, attrNormPrevVar, n.PrevVar)
	a = l.optional(a, attrNormNextMean, n.NextMean)
	a = l.optional(a, attrNormNextVar, n.NextVar)
	return spec{descOpNormForward, a}
}

func (n *NormBackward) op() string    { return "norm backward" }
func (n *NormBackward) reads() []Ref  { return []Ref{n.X, n.DY, n.Scale, n.Mean, n.InvStd} }
func (n *NormBackward) writes() []Ref { return []Ref{n.DX, n.DScale, n.DBias} }

func (n *NormBackward) check(g *Graph) error {
	return checkNorm(g, []Ref{n.X, n.DY, n.DX}, []Ref{n.Scale, n.Mean, n.InvStd, n.DScale, n.DBias})
}

func (n *NormBackward) lower(l *lowering) spec {
	return spec{descOpNormBackward, []attr{
		{attrNormBackMode, typeNormMode, int32(batchNorm)},
		{attrNormBackX, typeDescriptor, l.tensor(n.X)},
		{attrNormBackMean, typeDescriptor, l.tensor(n.Mean)},
		{attrNormBackInvStd, typeDescriptor, l.tensor(n.InvStd)},
		{attrNormBackDY, typeDescriptor, l.tensor(n.DY)},
		{attrNormBackScale, typeDescriptor, l.tensor(n.Scale)},
		{attrNormBackDScale, typeDescriptor, l.tensor(n.DScale)},
		{attrNormBackDBias, typeDescriptor, l.tensor(n.DBias)},
		{attrNormBackDX, typeDescriptor, l.tensor(n.DX)},
	}}
}
