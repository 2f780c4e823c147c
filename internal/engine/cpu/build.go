package cpu

import (
	"fmt"

	kernel "shake/csrc/cpu"
	"shake/internal/engine"
	"shake/internal/graph"
)

// build allocates everything the plan needs and binds its steps.
func (p *program) build() error {
	n := p.cfg.Batch
	p.metrics.BadStep = -1
	p.batch = kernel.NewBatch(p.pool, n, p.cfg.Replicas)
	p.labels, p.index = make([]uint16, n), make([]int32, n)
	p.flip, p.dy, p.dx = make([]uint8, n), make([]int8, n), make([]int8, n)
	if p.cfg.Cutout > 0 || p.cfg.Erase > 0 {
		p.holes = make([][2]kernel.Hole, n)
	}

	if p.cfg.Mixup > 0 {
		p.others, p.partner = make([]uint16, n), make([]int32, n)
	}

	var err error
	if p.memory, err = kernel.NewArena(int64(p.plan.Floats) * int64(n)); err != nil {
		return err
	}
	for _, b := range p.plan.Buffers {
		t := p.memory.Tensor(int64(b.Offset)*int64(n), n, b.C, b.H, b.W)
		t.Grows = b.Grows
		p.tensors = append(p.tensors, t)
	}
	if err := p.allocateFlat(); err != nil {
		return err
	}
	moments := map[engine.BufID]*kernel.Moments{}
	for id, op := range p.plan.Norms {
		b := p.plan.Shared[id]
		if b != engine.None && moments[b] == nil {
			moments[b] = kernel.NewMoments(p.pool, p.plan.Buffers[b].C, n)
		}
		norm, err := p.newNorm(op, moments[b])
		if err != nil {
			return err
		}
		p.norms = append(p.norms, norm)
	}
	b := binder{program: p, convs: map[*graph.Conv]*kernel.Conv{}}
	b.bind()
	return b.err
}

// allocateFlat lays out parameters, momentum, gradients, the average, alpha and beta in one arena.
// Every array starts on a cache line.
func (p *program) allocateFlat() error {
	g := p.plan.Graph
	line := func(n int) int { return (n + 15) &^ 15 }
	total := 0
	for _, prm := range g.Params {
		p.offset = append(p.offset, total)
		total += line(int(prm.Elements()))
	}
	draws, most := 0, 0
	for _, b := range g.Blocks {
		draws += 2 * b.Branches * line(p.cfg.Batch)
		most = max(most, b.Branches)
	}
	arrays := 3
	if p.cfg.EMA > 0 {
		arrays = 4
	}
	var err error
	if p.flat, err = kernel.NewArena(int64(arrays*total + draws)); err != nil {
		return err
	}
	if p.cfg.EMA > 0 {
		p.average = p.flat.Floats(int64(3*total), int64(total))
	}
	p.w = p.flat.Floats(0, int64(total))
	p.v = p.flat.Floats(int64(total), int64(total))
	p.g = p.flat.Floats(int64(2*total), int64(total))
	at := int64(arrays * total)
	for _, b := range g.Blocks {
		ab := [2][][]float32{}
		for i := range ab {
			for range b.Branches {
				ab[i] = append(ab[i], p.flat.Floats(at, int64(p.cfg.Batch)))
				at += int64(line(p.cfg.Batch))
			}
		}
		p.alpha, p.beta = append(p.alpha, ab[0]), append(p.beta, ab[1])
	}
	for i := range p.draws {
		for range most {
			p.draws[i] = append(p.draws[i], make([]float64, p.cfg.Batch))
		}
	}
	return nil
}

func (p *program) newNorm(op *graph.Norm, moments *kernel.Moments) (*kernel.Norm, error) {
	gamma, beta := make([]int32, op.X.C), make([]int32, op.X.C)
	for _, part := range op.Parts {
		for c := range part.C {
			gamma[part.Off+c] = int32(p.offset[part.Gamma] + c)
			beta[part.Off+c] = int32(p.offset[part.Beta] + c)
		}
	}
	x := p.plan.Graph.Values[op.X.Value]
	return kernel.NewNorm(p.pool, kernel.NormSpec{
		C: op.X.C, Replicas: p.cfg.Replicas, MaxN: p.cfg.Batch, HW: x.H * x.W, GammaAt: gamma, BetaAt: beta, Moments: moments,
	})
}

// newConv lays a convolution out; forward and backward steps of one op share it.
func (p *program) newConv(op *graph.Conv) (*kernel.Conv, error) {
	x, y := p.plan.Graph.Values[op.X.Value], p.plan.Graph.Values[op.Y]
	spec := kernel.ConvSpec{N: p.cfg.Batch, XC: op.X.C, H: x.H, W: x.W, YC: y.C, P: y.H, Q: y.W, Stride: op.Stride,
		Direct: p.cfg.Conv == "direct"}
	for _, part := range op.Parts {
		spec.Parts = append(spec.Parts, kernel.ConvPart{
			WOff: p.offset[part.W], XOff: part.XOff, C: part.C, YOff: part.YOff, K: part.K,
			Groups: part.Groups, R: part.R, S: part.S, PadH: part.PadH, PadW: part.PadW,
		})
	}
	c, err := kernel.NewConv(p.pool, spec)
	if err != nil {
		return nil, fmt.Errorf("laying out %s: %w", y.Name, err)
	}
	p.convs = append(p.convs, c)
	return c, nil
}
