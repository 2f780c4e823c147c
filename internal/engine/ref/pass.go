package ref

import (
	"fmt"

	"shake/internal/engine"
	"shake/internal/graph"
)

// Batch is the input of one training pass.
type Batch struct {
	N           int
	X           []float64     // N×C×H×W of the graph's input: normalised and augmented
	Labels      []int         // N
	Others      []int         // N labels of the images mixed in, see engine.Mix; nil: none
	Weight      float64       // of Labels, where there are Others
	Smoothing   float64       // of the labels
	Replicas    int           // BN groups; see engine.ReplicaRange
	Alpha, Beta [][][]float64 // [block][branch][image]: coefficients of the two passes
	Seed        uint64        // of the draws of dropout, which are engine.Kept's
	Iteration   uint32
	Stop        func() bool // asked before each operation, see engine.Abandoner; nil: not
}

// Pass is everything that one pass computed. Values and gradients are indexed by graph.ValueID and
// graph.ParamID.
type Pass struct {
	Graph  *graph.Graph
	N      int
	Values [][]float64 // N×C×H×W each
	Logits [][]float64 // [image][class]
	Losses []float64   // cross-entropy of each image with its target; nil after Infer

	DValues [][]float64 // d(mean loss)/d(value), beta in place of alpha; nil after Infer
	DParams [][]float64 // the same for parameters, without weight decay; nil after Infer
	Stats   []Running   // by replica: this batch's moments, variance unbiased; nil after Infer

	params  [][]float64
	batch   Batch
	running Running     // used instead of batch moments by Infer
	stop    func() bool // nil: not asked
	moments [][]moments // [norm's op index][replica]
}

// Running is the mean and variance of every BN layer, by the layer's name (graph.NormPart.Name).
type Running map[string]Moments

// Moments is one mean and one variance a channel.
type Moments struct{ Mean, Var []float64 }

// Loss is the mean cross-entropy with the targets over the batch.
func (p *Pass) Loss() float64 {
	sum := 0.0
	for _, l := range p.Losses {
		sum += l
	}
	return sum / float64(p.N)
}

// DInput is the gradient of the graph's input, N×C×H×W.
func (p *Pass) DInput() []float64 { return p.DValues[p.Graph.Input] }

// DParam is the gradient of the parameter of that name; nil if there is none.
func (p *Pass) DParam(name string) []float64 {
	for i, param := range p.Graph.Params {
		if param.Name == name {
			return p.DParams[i]
		}
	}
	return nil
}

// Value is the value of that name; nil if there is none.
func (p *Pass) Value(name string) []float64 {
	for i, v := range p.Graph.Values {
		if v.Name == name {
			return p.Values[i]
		}
	}
	return nil
}

// Train runs one forward and one backward pass of the mean cross-entropy. params[id] is the
// parameter of graph.ParamID id, dense in the order of its shape; it is only read. The graph must
// satisfy graph.Check; sizes that do not fit it are an error. So is engine.ErrAbandoned, once
// b.Stop says true.
func Train(g *graph.Graph, params [][]float64, b Batch) (*Pass, error) {
	p, err := newPass(g, params, b.X, b.N)
	if err != nil {
		return nil, err
	}
	if err := p.checkBatch(b); err != nil {
		return nil, err
	}
	p.batch, p.stop = b, b.Stop
	p.DValues = make([][]float64, len(g.Values))
	for i := range g.Values {
		p.DValues[i] = make([]float64, len(p.Values[i]))
	}
	p.DParams = make([][]float64, len(g.Params))
	for i := range g.Params {
		p.DParams[i] = make([]float64, len(params[i]))
	}
	p.Stats = make([]Running, b.Replicas)
	for r := range p.Stats {
		p.Stats[r] = Running{}
	}
	if err := p.forward(); err != nil {
		return nil, err
	}
	for i := len(g.Ops) - 1; i >= 0; i-- {
		if p.stopped() {
			return nil, engine.ErrAbandoned
		}
		p.backwardOp(i)
	}
	return p, nil
}

// Infer runs one forward pass with running statistics and even coefficients. x is n×C×H×W. It is
// for tests: the backend calls infer.
func Infer(g *graph.Graph, params [][]float64, running Running, x []float64, n int) (*Pass, error) {
	return infer(g, params, running, x, n, nil)
}

// infer is Infer that stop may end; see Batch.
func infer(g *graph.Graph, params [][]float64, running Running, x []float64, n int, stop func() bool) (*Pass, error) {
	p, err := newPass(g, params, x, n)
	if err != nil {
		return nil, err
	}
	if running == nil {
		running = Running{}
	}
	p.running, p.stop = running, stop
	for _, op := range g.Ops {
		norm, ok := op.(*graph.Norm)
		if !ok {
			continue
		}
		for _, part := range norm.Parts {
			if m := running[part.Name]; len(m.Mean) != part.C || len(m.Var) != part.C {
				return nil, fmt.Errorf("ref: %s: want running statistics of %d channels, have %d and %d", part.Name, part.C, len(m.Mean), len(m.Var))
			}
		}
	}
	return p, p.forward()
}

func newPass(g *graph.Graph, params [][]float64, x []float64, n int) (*Pass, error) {
	if err := graph.Check(g); err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, fmt.Errorf("ref: want a batch of 1 or more, have %d", n)
	}
	if len(params) != len(g.Params) {
		return nil, fmt.Errorf("ref: want %d parameters, have %d", len(g.Params), len(params))
	}
	for i, param := range g.Params {
		if have, want := len(params[i]), int(param.Elements()); have != want {
			return nil, fmt.Errorf("ref: %s: want %d numbers for shape %v, have %d", param.Name, want, param.Shape, have)
		}
	}
	in := g.Values[g.Input]
	if want := n * in.C * in.H * in.W; len(x) != want {
		return nil, fmt.Errorf("ref: want an input of %d numbers for %d images of %dx%dx%d, have %d", want, n, in.C, in.H, in.W, len(x))
	}
	p := &Pass{Graph: g, N: n, params: params, Values: make([][]float64, len(g.Values)), moments: make([][]moments, len(g.Ops))}
	for i, v := range g.Values {
		if graph.ValueID(i) == g.Input {
			p.Values[i] = x
		} else {
			p.Values[i] = make([]float64, n*v.C*v.H*v.W)
		}
	}
	return p, nil
}

func (p *Pass) checkBatch(b Batch) error {
	if b.Replicas < 1 {
		return fmt.Errorf("ref: want 1 replica or more, have %d", b.Replicas)
	}
	if len(b.Labels) != b.N {
		return fmt.Errorf("ref: want %d labels, have %d", b.N, len(b.Labels))
	}
	for i, l := range b.Labels {
		if l < 0 || l >= p.Graph.Classes {
			return fmt.Errorf("ref: label of image %d: want 0..%d, have %d", i, p.Graph.Classes-1, l)
		}
	}
	for name, coef := range map[string][][][]float64{"alpha": b.Alpha, "beta": b.Beta} {
		if len(coef) != len(p.Graph.Blocks) {
			return fmt.Errorf("ref: want %s for %d blocks, have %d", name, len(p.Graph.Blocks), len(coef))
		}
		for i, block := range p.Graph.Blocks {
			if len(coef[i]) != block.Branches {
				return fmt.Errorf("ref: %s: want %s for %d branches, have %d", block.Name, name, block.Branches, len(coef[i]))
			}
			for _, c := range coef[i] {
				if len(c) < b.N {
					return fmt.Errorf("ref: %s: want %s for %d images, have %d", block.Name, name, b.N, len(c))
				}
			}
		}
	}
	return nil
}

func (p *Pass) training() bool { return p.running == nil }

func (p *Pass) stopped() bool { return p.stop != nil && p.stop() }

func (p *Pass) forward() error {
	for i, op := range p.Graph.Ops {
		if p.stopped() {
			return engine.ErrAbandoned
		}
		switch o := op.(type) {
		case *graph.Conv:
			p.conv(o)
		case *graph.Norm:
			p.norm(i, o)
		case *graph.ReLU:
			p.relu(o)
		case *graph.Pool:
			p.pool(o)
		case *graph.Dropout:
			p.dropout(o)
		case *graph.Widen:
			p.widen(o)
		case *graph.Subsample:
			p.subsample(o)
		case *graph.Concat:
			p.concat(o)
		case *graph.Join:
			p.join(o)
		case *graph.Head:
			p.head(o)
		}
	}
	return nil
}

func (p *Pass) backwardOp(i int) {
	switch o := p.Graph.Ops[i].(type) {
	case *graph.Conv:
		p.convBackward(o)
	case *graph.Norm:
		p.normBackward(i, o)
	case *graph.ReLU:
		p.reluBackward(o)
	case *graph.Pool:
		p.poolBackward(o)
	case *graph.Dropout:
		p.dropoutBackward(o)
	case *graph.Widen:
		p.widenBackward(o)
	case *graph.Subsample:
		p.subsampleBackward(o)
	case *graph.Concat:
		p.concatBackward(o)
	case *graph.Join:
		p.joinBackward(o)
	case *graph.Head:
		p.headBackward(o)
	}
}

// plane is the H×W map of channel c of image n in the values (or gradients) all.
func (p *Pass) plane(all [][]float64, id graph.ValueID, n, c int) []float64 {
	v := p.Graph.Values[id]
	hw := v.H * v.W
	at := (n*v.C + c) * hw
	return all[id][at : at+hw : at+hw]
}
