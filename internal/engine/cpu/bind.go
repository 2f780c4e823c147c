package cpu

import (
	"fmt"

	kernel "shake/csrc/cpu"
	"shake/internal/engine"
	"shake/internal/graph"
)

// binder turns the plan's steps into calls, keeping the first error.
type binder struct {
	*program
	convs map[*graph.Conv]*kernel.Conv // forward and backward steps share one
	err   error
	at    int // the step of the plan that is being bound
}

// try passes op on and remembers the first error.
func try[T any](b *binder) func(op T, err error) T {
	return func(op T, err error) T {
		if err != nil && b.err == nil {
			b.err = err
		}
		return op
	}
}

func (b *binder) bind() {
	for _, s := range b.plan.Forward {
		b.forward(s)
		b.at++
	}
	b.bindHead(&b.plan.Head)
	b.at++
	for _, s := range b.plan.Backward {
		b.backward(s)
		b.at++
	}
}

// both adds a step to training and to evaluation.
func (b *binder) both(train, eval func()) {
	b.trainOnly(train)
	b.program.eval = append(b.program.eval, call{b.at, eval})
}

func (b *binder) trainOnly(f func()) { b.program.train = append(b.program.train, call{b.at, f}) }

func (b *binder) forward(s engine.PlanStep) {
	switch s := s.(type) {
	case *engine.ConvStep:
		c, err := b.newConv(s.Op)
		if err != nil {
			b.err = err
			return
		}
		b.convs[s.Op] = c
		train := c.ForwardOp(b.view(s.X), b.tensors[s.Y], b.stats(s.Stats))
		eval := c.ForwardOp(b.view(s.X), b.tensors[s.Y], nil)
		b.both(func() { train.Run(b.batch) }, func() { eval.Run(b.batch) })
	case *engine.NormStep:
		n := b.norms[s.Norm]
		b.trainOnly(func() { n.FinalizeTrain(b.batch, b.w, graph.NormMomentum) })
	case *engine.ApplyStep:
		train := try[*kernel.Apply](b)(kernel.NewApply(b.pool, b.view(s.X), b.tensors[s.Y], b.stats(s.Stats)))
		eval := try[*kernel.Apply](b)(kernel.NewApply(b.pool, b.view(s.X), b.tensors[s.Y], nil))
		b.both(func() { train.Run(b.batch) }, func() { eval.Run(b.batch) })
	case *engine.StatsStep:
		op := try[*kernel.StatsOp](b)(kernel.NewStats(b.pool, b.tensors[s.X], b.stats(s.Stats)))
		b.trainOnly(func() { op.Run(b.batch) })
	case *engine.PoolStep:
		op := try[*kernel.Pooling](b)(kernel.NewPooling(b.pool, pooling(s.Op, b.tensors[s.X], s.Off, b.tensors[s.Y])))
		b.both(func() { op.Run(b.batch) }, func() { op.Run(b.batch) })
	case *engine.DropStep:
		b.drop(s)
	case *engine.CopyStep:
		op := try[*kernel.Widen](b)(kernel.NewWiden(b.pool, kernel.WidenSpec{X: b.tensors[s.X], XOff: s.XOff, C: s.C, Y: b.tensors[s.Y], YOff: s.YOff, End: s.End}))
		b.both(func() { op.Run(b.batch) }, func() { op.Run(b.batch) })
	case *engine.JoinStep:
		b.join(s)
	case *engine.CorrelateStep:
		op := try[*kernel.Correlate](b)(kernel.NewCorrelate(b.pool, b.view(s.A), b.view(s.B)))
		b.correlates = append(b.correlates, op)
		b.program.eval = append(b.program.eval, call{b.at, func() { op.Run(b.batch) }})
	default:
		b.err = fmt.Errorf("cpu: no kernel for forward step %T", s)
	}
}

// pooling describes a pool that makes y of some channels of x.
func pooling(o *graph.Pool, x *kernel.Tensor, off int, y *kernel.Tensor) kernel.PoolingSpec {
	return kernel.PoolingSpec{X: x, Off: off, Y: y, Max: o.Max, R: o.R, S: o.S, Stride: o.Stride, Pad: o.Pad}
}

// drop binds a dropout of activations, which evaluation only copies, or of gradients.
func (b *binder) drop(s *engine.DropStep) {
	spec := kernel.DropoutSpec{X: b.tensors[s.X], Off: s.Off, Y: b.tensors[s.Y], Scale: 1, Index: s.Op.Index}
	eval := try[*kernel.Dropout](b)(kernel.NewDropout(b.pool, spec))
	spec.Scale, spec.Threshold = 1/(1-s.Op.Rate), engine.DropThreshold(s.Op.Rate)
	train := try[*kernel.Dropout](b)(kernel.NewDropout(b.pool, spec))
	run := func() { train.Run(b.batch, b.cfg.Seed, b.iteration) }
	if s.Back {
		b.trainOnly(run)
		return
	}
	b.both(run, func() { eval.Run(b.batch, 0, 0) })
}

func (b *binder) join(s *engine.JoinStep) {
	spec := kernel.JoinSpec{Alpha: b.alpha[s.Block], Y: b.tensors[s.Y], ReLU: s.ReLU}
	for _, br := range s.Branches {
		spec.Branches = append(spec.Branches, b.view(br))
	}
	if s.Skip != nil {
		v := b.view(*s.Skip)
		spec.Skip = &v
	}
	eval := try[*kernel.Join](b)(kernel.NewJoin(b.pool, spec))
	spec.Stats = b.stats(s.Stats)
	train := try[*kernel.Join](b)(kernel.NewJoin(b.pool, spec))
	b.both(func() { train.Run(b.batch) }, func() { eval.Run(b.batch) })
}

// bindHead's calls fail only on labels that Load refuses.
func (b *binder) bindHead(s *engine.HeadStep) {
	spec := kernel.HeadSpec{
		X: b.view(s.X), Classes: b.plan.Graph.Classes, WOff: b.offset[s.Op.W], BOff: b.offset[s.Op.Bias],
		MaxN: b.cfg.Batch, Smoothing: b.cfg.Smoothing, Sums: b.sumsOf(s.Sums),
	}
	if s.DX.Buf != engine.None {
		spec.DX = &kernel.HeadDX{G: b.tensors[s.DX.Buf], Off: s.DX.Off, ReLU: s.DX.ReLU, Accumulate: s.DX.Accumulate}
	}
	h := try[*kernel.Head](b)(kernel.NewHead(b.pool, spec))
	b.head = h
	b.both(
		func() { b.fail(h.Train(b.batch, b.w, b.g, b.targets)) },
		func() { b.fail(h.Eval(b.batch, b.w, b.labels[:b.batch.N()])) })
}

func (b *binder) backward(s engine.PlanStep) {
	switch s := s.(type) {
	case *engine.ConvBackStep:
		b.convBack(s)
	case *engine.PoolBackStep:
		spec := pooling(s.Op, b.tensors[s.X], s.Off, b.tensors[s.DY])
		spec.DX = b.tensors[s.DX]
		op := try[*kernel.Pooling](b)(kernel.NewPooling(b.pool, spec))
		b.trainOnly(func() { op.Run(b.batch) })
	case *engine.DropStep:
		b.drop(s)
	case *engine.CopyStep:
		op := try[*kernel.Widen](b)(kernel.NewWiden(b.pool, kernel.WidenSpec{X: b.tensors[s.X], XOff: s.XOff, C: s.C, Y: b.tensors[s.Y], YOff: s.YOff, End: s.End}))
		b.trainOnly(func() { op.Run(b.batch) })
	case *engine.NormBackStep:
		n := b.norms[s.Norm]
		b.trainOnly(func() { n.FinalizeBackward(b.batch, b.w, b.g) })
	case *engine.SumsStep:
		op := try[*kernel.SumsOp](b)(kernel.NewSums(b.pool, b.sumsOf(s.Sums)))
		b.trainOnly(func() { op.Run(b.batch) })
	case *engine.GradSumStep:
		op := try[*kernel.GradSum](b)(kernel.NewGradSum(b.pool, kernel.GradSumSpec{
			Dst: b.tensors[s.Buf], Off: s.Off, Accumulate: s.Accumulate, Terms: b.grads(s.Terms), Sums: b.sumsOf(s.Sums),
		}))
		b.trainOnly(func() { op.Run(b.batch) })
	default:
		b.err = fmt.Errorf("cpu: no kernel for backward step %T", s)
	}
}

func (b *binder) convBack(s *engine.ConvBackStep) {
	c := b.convs[s.Op]
	if c == nil {
		return // its forward failed
	}
	var dx *kernel.ConvDX
	if o := s.DX; o != nil {
		dx = &kernel.ConvDX{G: b.tensors[o.Buf], Off: o.Off, ReLU: o.ReLU, Accumulate: o.Accumulate}
		if o.Residual != nil {
			r := b.grad(*o.Residual)
			dx.Residual = &r
		}
	}
	op := c.BackwardOp(b.view(s.X), b.grads(s.DY), dx, b.sumsOf(s.Sums))
	b.trainOnly(func() { op.Run(b.batch, b.g) })
}

func (p *program) view(v engine.View) kernel.View {
	k := kernel.View{T: p.tensors[v.Buf], Off: v.Off, C: v.C, NormOff: v.NormOff, ReLU: v.ReLU}
	if v.Norm != engine.None {
		k.Norm = p.norms[v.Norm]
	}
	return k
}

func (p *program) grad(g engine.Grad) kernel.Grad {
	k := kernel.Grad{G: p.tensors[g.Buf], GOff: g.Off, C: g.C, MaskOff: g.MaskOff, NormOff: g.NormOff, YOff: g.YOff, ReLU: g.ReLU}
	if g.Mask != engine.None {
		k.Mask = p.tensors[g.Mask]
	}
	if g.Block != engine.None {
		k.Beta = p.beta[g.Block][g.Branch]
	}
	if g.Norm != engine.None {
		k.Norm = p.norms[g.Norm]
	}
	if g.Y != engine.None {
		k.Y = p.tensors[g.Y]
	}
	return k
}

func (p *program) grads(gs []engine.Grad) []kernel.Grad {
	var out []kernel.Grad
	for _, g := range gs {
		out = append(out, p.grad(g))
	}
	return out
}

func (p *program) stats(ss []engine.StatsOf) []kernel.Stats {
	var out []kernel.Stats
	for _, s := range ss {
		out = append(out, kernel.Stats{Norm: p.norms[s.Norm], Off: s.Off, From: s.From})
	}
	return out
}

func (p *program) sumsOf(ss []engine.SumsOf) []kernel.Sums {
	var out []kernel.Sums
	for _, s := range ss {
		out = append(out, kernel.Sums{Norm: p.norms[s.Of.Norm], Of: p.grad(s.Of)})
	}
	return out
}
