package engine

import (
	"fmt"
	"strings"

	"shake/internal/graph"
)

// Operation is the work of a device at one time of a training step, and its cost by the books. A
// profile gives it beside its time.
type Operation struct {
	Kind  string // "conv", "conv'": as --plan prints it
	Text  string // "%2 = relu(norm@0(%1)) * {stem.0.weight 3x3}": as --plan prints it
	At    int    // its number in the plan; None: the plan does not have it
	Shape string // "2x 32-32k3g1 @32s1", of operations of the same work; "": the kind says all
	Layer string // "stages.1.0", "stem", "head"; "": it belongs to none
	Phase Phase

	// FLOPs are of a full batch, a multiply-add as two: a convolution's as those of the direct one, an
	// elementwise operation's as one multiply-add for each float that it reads.
	FLOPs    float64
	Bytes    float64 // of a full batch's tensors and weights that it reads and writes, each once
	Launches int     // of kernels of a card; 0 on a CPU
	Exchange bool    // a sum over several devices, which waits for the others
}

// Phase is a part of a training step.
type Phase string

// The phases of a step, in order.
const (
	PhaseInput    Phase = "input"    // images gathered and augmented, alpha and beta drawn
	PhaseForward  Phase = "forward"  // to the loss, with the head's gradient
	PhaseBackward Phase = "backward" // gradients
	PhaseUpdate   Phase = "update"   // SGD, and weights laid out for the next pass
)

// Phases are all of them, in order.
var Phases = []Phase{PhaseInput, PhaseForward, PhaseBackward, PhaseUpdate}

// Operations are the steps of the plan for a batch of n images of float32, in order.
func (p *Plan) Operations(n int) []Operation {
	var out []Operation
	for i, s := range p.Steps() {
		kind, text, _ := strings.Cut(p.step(s), "\t")
		w := p.work(s)
		o := Operation{Kind: kind, Text: text, At: i, Shape: w.shape, Layer: LayerOf(p.placeOf(s)), Phase: PhaseForward,
			FLOPs: 2 * w.macs * float64(n), Bytes: 4 * (w.floats*float64(n) + w.weights)}
		if i > len(p.Forward) {
			o.Phase = PhaseBackward
		}
		out = append(out, o)
	}
	return out
}

// LayerOf is the block, or the stem or head, of a parameter or value by its name: "stages.1.0" of
// "stages.1.0.branches.0.1.weight". Buffers have a word in front of the name, such as "d", or
// behind it, such as "piece".
func LayerOf(name string) string {
	for word := range strings.FieldsSeq(name) {
		parts := strings.Split(word, ".")
		if parts[0] == "stages" && len(parts) >= 3 {
			return strings.Join(parts[:3], ".")
		}
		if len(parts) > 1 {
			return parts[0]
		}
	}
	return name
}

// placeOf is the name of a parameter or value of the layer that a step belongs to.
func (p *Plan) placeOf(s PlanStep) string {
	param := func(id graph.ParamID) string { return p.Graph.Params[id].Name }
	norm := func(id NormID) string { return p.Norms[id].Parts[0].Name }
	switch s := s.(type) {
	case *ConvStep:
		return param(s.Op.Parts[0].W)
	case *ConvBackStep:
		return param(s.Op.Parts[0].W)
	case *NormStep:
		return norm(s.Norm)
	case *NormBackStep:
		return norm(s.Norm)
	case *ApplyStep:
		return p.Buffers[s.Y].Name
	case *StatsStep:
		return norm(s.Stats[0].Norm)
	case *PoolStep:
		return p.Buffers[s.Y].Name
	case *PoolBackStep:
		return p.Buffers[s.DX].Name
	case *DropStep:
		return p.Buffers[s.Y].Name
	case *CopyStep:
		if p.Buffers[s.Y].Grows {
			return p.Buffers[s.X].Name
		}
		return p.Buffers[s.Y].Name
	case *JoinStep:
		return p.Graph.Blocks[s.Block].Name
	case *CorrelateStep:
		return p.Buffers[s.A.Buf].Name
	case *HeadStep:
		return param(s.Op.W)
	case *SumsStep:
		return norm(s.Sums[0].Of.Norm)
	case *GradSumStep:
		return p.PlaceOfSum(s.Buf, s.Terms)
	}
	return ""
}

// PlaceOfSum is the name of a value or norm of the layer that a sum of gradients belongs to. The
// gradient of a growing map is of a whole stage: there it is the norm whose gradient the sum adds.
func (p *Plan) PlaceOfSum(sum BufID, terms []Grad) string {
	if p.Buffers[sum].Grows {
		for _, t := range terms {
			if t.Norm != None {
				return p.Norms[t.Norm].Parts[0].Name
			}
		}
	}
	return p.Buffers[sum].Name
}

// work is the cost of a step.
type work struct {
	shape        string
	macs, floats float64 // an image: multiply-adds, floats of tensors
	weights      float64 // floats of weights or their gradients
}

// work counts every tensor that a step reads or writes once.
func (p *Plan) work(s PlanStep) work {
	switch s := s.(type) {
	case *ConvStep:
		w := p.convWork(s.Op)
		w.floats = p.size(s.X.Buf, s.X.C) + p.size(s.Y, p.Buffers[s.Y].C)
		return w
	case *ConvBackStep:
		w := p.convWork(s.Op)
		w.floats = p.size(s.X.Buf, s.X.C) + p.gradSizes(s.DY)
		if s.DX != nil {
			w.macs, w.weights, w.floats = 2*w.macs, 2*w.weights, w.floats+p.outSize(s.DX)
		}
		return w
	case *ApplyStep:
		read := p.size(s.X.Buf, s.X.C)
		return work{shape: p.rows(s.Y), macs: read, floats: read + p.size(s.Y, p.Buffers[s.Y].C)}
	case *StatsStep:
		c := p.Buffers[s.X].C
		if p.Buffers[s.X].Grows {
			c = p.Norms[s.Stats[0].Norm].X.C - s.Stats[0].From
		}
		read := p.size(s.X, c)
		return work{shape: p.rows(s.X), macs: read, floats: read}
	case *PoolStep:
		read, written := p.size(s.X, s.Op.X.C), p.size(s.Y, s.Op.X.C)
		return work{shape: p.rows(s.Y), macs: written * float64(s.Op.R*s.Op.S), floats: read + written}
	case *PoolBackStep:
		read, written := p.size(s.DY, s.Op.X.C), p.size(s.DX, s.Op.X.C)
		if s.Op.Max {
			read += p.size(s.X, s.Op.X.C)
		}
		return work{shape: p.rows(s.DX), macs: p.size(s.DY, s.Op.X.C) * float64(s.Op.R*s.Op.S), floats: read + written}
	case *DropStep:
		return work{shape: p.rows(s.Y), macs: p.size(s.Y, s.Op.X.C), floats: 2 * p.size(s.Y, s.Op.X.C)}
	case *CopyStep:
		return work{shape: p.rows(s.Y), floats: p.size(s.X, s.C) + p.size(s.Y, s.End-s.YOff)}
	case *JoinStep:
		read := 0.0
		for _, v := range s.Branches {
			read += p.size(v.Buf, v.C)
		}
		if s.Skip != nil {
			read += p.size(s.Skip.Buf, s.Skip.C)
		}
		return work{shape: p.rows(s.Y), macs: read, floats: read + p.size(s.Y, p.Buffers[s.Y].C)}
	case *HeadStep:
		c, classes := float64(s.Op.X.C), float64(p.Graph.Classes)
		return work{macs: 3 * c * classes, floats: p.size(s.X.Buf, s.X.C) + p.outSize(&s.DX), weights: 2 * c * classes}
	case *SumsStep:
		read := 0.0
		for _, t := range s.Sums {
			read += p.gradSizes([]Grad{t.Of})
		}
		return work{macs: read, floats: read}
	case *GradSumStep:
		read := p.gradSizes(s.Terms)
		if s.Accumulate {
			read += p.size(s.Buf, s.C)
		}
		return work{shape: p.rows(s.Buf), macs: read, floats: read + p.size(s.Buf, s.C)}
	}
	return work{} // norms read and write some numbers a channel
}

// convWork is the work of a convolution in one direction, without its tensors.
func (p *Plan) convWork(op *graph.Conv) work {
	var w work
	var parts []string
	x, y := p.Graph.Values[op.X.Value], p.Graph.Values[op.Y]
	for _, t := range op.Parts {
		weights := t.K * t.C / t.Groups * t.R * t.S
		w.weights += float64(weights)
		w.macs += float64(weights) * float64(y.H*y.W)
		if text := fmt.Sprintf("%d-%dk%dg%d", t.C, t.K, t.R, t.Groups); len(parts) == 0 || parts[len(parts)-1] != text {
			parts = append(parts, text)
		}
	}
	w.shape = fmt.Sprintf("%dx %s @%ds%d", len(op.Parts), strings.Join(parts, " "), x.H, op.Stride)
	return w
}

// rows is the shape of a buffer's maps.
func (p *Plan) rows(b BufID) string { return fmt.Sprintf("@%d", p.Buffers[b].H) }

// size is the floats of c channels of a buffer, an image.
func (p *Plan) size(b BufID, c int) float64 { return float64(c * p.Buffers[b].H * p.Buffers[b].W) }

// gradSizes are the floats that gradients are recomputed from, an image.
func (p *Plan) gradSizes(gs []Grad) float64 {
	n := 0.0
	for _, g := range gs {
		for _, b := range []BufID{g.Buf, g.Mask, g.Y} {
			if b != None {
				n += p.size(b, g.C)
			}
		}
	}
	return n
}

// outSize are the floats that a gradient's place costs, an image.
func (p *Plan) outSize(o *GradOut) float64 {
	if o.Buf == None {
		return 0
	}
	n := p.size(o.Buf, o.C)
	if o.Accumulate {
		n *= 2
	}
	if o.ReLU {
		n += p.size(o.Buf, o.C)
	}
	if o.Residual != nil {
		n += p.gradSizes([]Grad{*o.Residual})
	}
	return n
}
