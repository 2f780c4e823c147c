package train

import (
	"context"
	"fmt"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
)

// compile makes the program, gives it the data, and fills in the record.
func (r *run) compile() (*graph.Graph, error) {
	g, p, err := compile(r.spec, r.o.Backend, r.o.Train, Joined(r.o.Test, r.o.Validation))
	if err != nil {
		return nil, err
	}
	r.prog = p
	if err := r.plan(); err != nil {
		return nil, err
	}
	r.warning = lone(g, r.o.Train.N, r.spec.Train.Batch, r.spec.Train.Replicas)
	info := p.Info()
	r.rec.Device, r.rec.Detail, r.rec.Workers = info.Device, info.Detail, info.Workers
	r.rec.platform(r.o.Version)
	r.rec.Parameters = 0
	for _, p := range g.Params {
		r.rec.Parameters += p.Elements()
	}
	return g, nil
}

// plan computes the length of the run. Draws number its steps, and those of an average, with 32
// bits.
func (r *run) plan() error {
	t := r.spec.Train
	r.perEpoch = (r.o.Train.N + t.Batch - 1) / t.Batch
	r.steps = t.Epochs * r.perEpoch
	if t.MaxSteps > 0 {
		r.steps = min(r.steps, t.MaxSteps)
	}
	r.ck.of = length{t.Epochs, r.perEpoch, t.Batch, r.o.Train.N}
	if most := int64(1) << 32; int64(t.Epochs)*int64(r.perEpoch) > most-int64(r.perEpoch) {
		return fmt.Errorf("%d epochs of %d steps: a run may have %d steps, less those of an epoch: fewer train.epochs or a larger train.batch", t.Epochs, r.perEpoch, most)
	}
	return nil
}

// compile makes a program of spec's network on backend b with its data loaded. The caller closes
// it.
func compile(spec *dsl.Spec, b engine.Backend, train, test *engine.Images) (*graph.Graph, engine.Program, error) {
	g, err := graph.Build(spec)
	if err != nil {
		return nil, nil, err
	}
	p, err := compileGraph(spec, g, b, train, test)
	return g, p, err
}

// compileGraph is compile for a graph made from spec's network.
func compileGraph(spec *dsl.Spec, g *graph.Graph, b engine.Backend, train, test *engine.Images) (engine.Program, error) {
	p, err := b.Compile(g, engine.ConfigOf(spec))
	if err != nil {
		return nil, fmt.Errorf("compiling %s for %s: %w", spec.Name, b.Name(), err)
	}
	if err := p.Load(train, test); err != nil {
		p.Close()
		return nil, fmt.Errorf("loading the data set: %w", err)
	}
	return p, nil
}

// abandon makes a program leave its step off when ctx ends, if the program can. A step of a large
// network on a processor takes longer than a system waits at shutdown.
func abandon(ctx context.Context, p engine.Program) {
	if a, ok := p.(engine.Abandoner); ok {
		a.Abandon(func() bool { return ctx.Err() != nil })
	}
}
