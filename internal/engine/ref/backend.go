package ref

import (
	"fmt"
	"math"

	"shake/internal/engine"
	"shake/internal/graph"
)

// Backend is the reference device.
type Backend struct{}

// Name is "ref".
func (Backend) Name() string { return "ref" }

// Compile checks graph and configuration and returns a program whose parameters are all zero.
// Workers is ignored: there is one.
func (Backend) Compile(g *graph.Graph, c engine.Config) (engine.Program, error) {
	if err := graph.Check(g); err != nil {
		return nil, fmt.Errorf("ref: compiling: %w", err)
	}
	if err := c.Check("ref", math.MaxInt32); err != nil {
		return nil, err
	}
	if err := c.CheckPrecision("ref"); err != nil {
		return nil, err
	}
	p := &program{g: g, c: c, params: make([][]float64, len(g.Params)), velocity: make([][]float64, len(g.Params)), running: make([]Running, c.Replicas)}
	for i, param := range g.Params {
		p.params[i] = make([]float64, param.Elements())
		p.velocity[i] = make([]float64, param.Elements())
	}
	if c.EMA > 0 {
		for _, w := range p.params {
			p.average = append(p.average, make([]float64, len(w)))
		}
	}
	for r := range p.running {
		p.running[r] = Running{}
		for _, part := range normParts(g) {
			m := Moments{Mean: make([]float64, part.C), Var: make([]float64, part.C)}
			for i := range m.Var {
				m.Var[i] = 1
			}
			p.running[r][part.Name] = m
		}
	}
	p.sums.BadStep = -1
	return p, nil
}

// normParts are the BN layers of g in the order of its ops.
func normParts(g *graph.Graph) []graph.NormPart {
	var parts []graph.NormPart
	for _, op := range g.Ops {
		if n, ok := op.(*graph.Norm); ok {
			parts = append(parts, n.Parts...)
		}
	}
	return parts
}

// program is a network with its state. Its zero momentum makes the first step's velocity the
// gradient itself.
type program struct {
	g           *graph.Graph
	c           engine.Config
	params      [][]float64
	velocity    [][]float64
	average     [][]float64 // of the weights; nil: none
	running     []Running   // by replica
	train, test *engine.Images
	sums        engine.Metrics
	closed      bool
	stop        func() bool // asked between operations; nil: not
}

// Abandon implements engine.Abandoner: the state is changed behind the last operation of a step.
func (p *program) Abandon(stop func() bool) { p.stop = stop }

// Load keeps its own copy of the pixels.
func (p *program) Load(train, test *engine.Images) error {
	if err := p.open("Load"); err != nil {
		return err
	}
	in := p.g.Values[p.g.Input]
	for name, im := range map[string]*engine.Images{"train": train, "test": test} {
		if err := im.Check(in.C, in.H, in.W, p.g.Classes); err != nil {
			return fmt.Errorf("ref: Load: %s: %w", name, err)
		}
	}
	p.train, p.test = cloneImages(train), cloneImages(test)
	return nil
}

func cloneImages(im *engine.Images) *engine.Images {
	if im == nil {
		return nil
	}
	c := *im
	c.Pix = append([]byte(nil), im.Pix...)
	c.Labels = append([]uint16(nil), im.Labels...)
	c.Mean, c.Std = append([]float64(nil), im.Mean...), append([]float64(nil), im.Std...)
	return &c
}

func (p *program) Info() engine.Info {
	return engine.Info{Device: "ref", Detail: "float64, plain Go", Workers: 1, Memory: p.memory()}
}

// memory is that of parameters, momentum, running statistics and the values and gradients of one
// full batch.
func (p *program) memory() int64 {
	n := 0
	for i := range p.params {
		n += 3 * len(p.params[i])
	}
	for _, part := range normParts(p.g) {
		n += 2 * part.C * p.c.Replicas
	}
	for _, v := range p.g.Values {
		n += 2 * p.c.Batch * v.C * v.H * v.W
	}
	return int64(8 * n)
}

func (p *program) Close() error {
	p.closed = true
	return nil
}

func (p *program) open(call string) error {
	if p.closed {
		return fmt.Errorf("ref: %s: the program is closed", call)
	}
	return nil
}
