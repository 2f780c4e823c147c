package gpu

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"shake/cudnn"
	"shake/cudnn/cuda"
)

// bind binds op i of the list of a mode for n images. It returns nil for an op without a launch.
func (p *program) bind(m mode, i, n int) ([]work, error) {
	l := p.list.of(m)
	o := l.Ops[i]
	if c, ok := o.(*Clear); ok {
		return []work{{clear: p.dev.address(l, buffer(c.Y)), bytes: int64(l.Plan.Buffers[c.Y].Size)}}, nil
	}
	if l.convolution(o, n, p.precision) != nil {
		w, err := p.bindGroups(l, o, n)
		if err != nil {
			return nil, fmt.Errorf("gpu: %s for %d images: %w", l.op(o), n, err)
		}
		return w, nil
	}
	k := p.kernels[m][i]
	if k == nil {
		return nil, nil
	}
	call, err := p.bindKernel(l, k, n)
	if err != nil {
		return nil, fmt.Errorf("gpu: %s: %w", l.op(o), err)
	}
	return []work{{call: call}}, nil
}

// trains says whether o is an op of training alone.
func trains(o Op) bool {
	switch o := o.(type) {
	case *Augment, *Pack, *Conv, *Pool, *Join, *Correlate, *Head, *Tally:
		return false
	case *Apply:
		return o.Back
	case *Drop:
		return o.Back
	case *Copy:
		return o.Back
	}
	return true
}

// bindKernel packs the arguments of a launch for n images, with the buffers of l.
func (p *program) bindKernel(l *List, k *bound, n int) (*cuda.Call, error) {
	return p.bindKernelAt(l, k, n, 0)
}

// bindKernelAt is bindKernel for images that begin at image lo of a batch of several cards: their
// losses, errors and logits have places there.
func (p *program) bindKernelAt(l *List, k *bound, n, lo int) (*cuda.Call, error) {
	args := make([]any, len(k.Args))
	for i, a := range k.Args {
		v := 0
		switch a.Kind {
		case Images:
			v = n
		case Number:
			v = a.Index
		}
		at := p.dev.address(l, a)
		switch a.Kind {
		case Loss, Wrong:
			at += cuda.Ptr(4 * lo)
		case Logits:
			at += cuda.Ptr(4 * lo * p.list.Plan.Graph.Classes)
		}
		args[i] = argument(k.Kernel.Args[i].Kind, v, at)
	}
	size := n
	if k.N > 0 {
		size = k.N
	}
	f := k.Kernel.Fit(size, k.room)
	if blocks := int(f.Grid[0] * f.Grid[1] * f.Grid[2]); f.Cooperative && blocks > k.room {
		return nil, fmt.Errorf("kernel %s: %d blocks wait for each other, and the card runs %d at a time: %w", k.Kernel.Entry, blocks, k.room, cudnn.ErrNotSupported)
	}
	return k.function.NewCall(cuda.Launch{Grid: f.Grid, Block: f.Block, Shared: f.Shared, Cooperative: f.Cooperative}, args...)
}

// launchOnce queues a launch that belongs to no batch.
func (p *program) launchOnce(k *bound) error {
	call, err := p.bindKernel(p.list, k, 1)
	if err != nil {
		return err
	}
	defer call.Close()
	return call.Run(p.dev.streams[mainStream])
}

// bindGroups binds a convolution of l. It cuts a convolution with groups into one for each group
// where cuDNN has no engine for the whole, or where the parts were measured to be faster in a step.
func (p *program) bindGroups(l *List, o Op, n int) ([]work, error) {
	pieces, step := slicesOf(o), l.convolution(o, p.cfg.Batch, p.precision).key()
	if n != p.cfg.Batch && p.cut[step] {
		if cut, _, err := p.bindPieces(l, pieces, n); err == nil {
			return cut, nil
		}
	}
	whole, err := p.bindConvolution(l, o, n)
	if err != nil && (pieces == nil || !errors.Is(err, cudnn.ErrNotSupported)) {
		return nil, err
	}
	if err == nil && (pieces == nil || whole.plan.Time() == 0) {
		return []work{whole}, nil
	}
	cut, took, failed := p.bindPieces(l, pieces, n)
	switch {
	case failed != nil && err != nil:
		return nil, failed
	case failed != nil || err == nil && took >= whole.plan.Time():
		return []work{whole}, nil
	}
	if n == p.cfg.Batch {
		p.cut[step] = true
	}
	return cut, nil
}

// bindPieces binds the parts of a convolution, and adds up their measured times.
func (p *program) bindPieces(l *List, pieces []Op, n int) (cut []work, took time.Duration, err error) {
	for _, piece := range pieces {
		w, err := p.bindConvolution(l, piece, n)
		if err != nil {
			return nil, 0, err
		}
		cut, took = append(cut, w), took+w.plan.Time()
	}
	return cut, took, nil
}

// bindConvolution makes the plan of a convolution of l, or takes one of the same shape, and binds
// the addresses of its operands. A batch of another size than a step's takes the engine of the
// step.
func (p *program) bindConvolution(l *List, o Op, n int) (work, error) {
	c := l.convolution(o, n, p.precision)
	w := work{ptrs: make([]cuda.Ptr, len(c.at))}
	for i, a := range c.at {
		w.ptrs[i] = p.dev.address(l, a) + cuda.Ptr(int64(c.off[i])*c.t[i].Type.Size())
	}
	var err error
	w.plan, err = p.planOf(c.key(), func() (*cudnn.Plan, error) {
		if n == p.cfg.Batch {
			return p.choose(c, w.ptrs)
		}
		// A step that has a rival in this place may not have bound its convolution.
		step := l.convolution(o, p.cfg.Batch, p.precision)
		full, err := p.planOf(step.key(), func() (*cudnn.Plan, error) { return p.choose(step, w.ptrs) })
		if err == nil {
			return p.ragged(c, full)
		}
		if !errors.Is(err, cudnn.ErrNotSupported) {
			return nil, err
		}
		return p.choose(c, w.ptrs)
	})
	return w, err
}

// planOf is the program's plan with that key, made on first use.
func (p *program) planOf(key string, prepare func() (*cudnn.Plan, error)) (*cudnn.Plan, error) {
	if plan := p.plans[key]; plan != nil {
		return plan, nil
	}
	plan, err := prepare()
	if err == nil {
		p.plans[key] = plan
	}
	return plan, err
}

// choose picks a convolution's engine: the choice that an earlier run measured on such a card, else
// the first proposal of the library's heuristics or, with tuning, the fastest of its proposals.
func (p *program) choose(c *convolution, ptrs []cuda.Ptr) (*cudnn.Plan, error) {
	options := c.options(p.cfg.Deterministic)
	plan, err := c.plan(p.dnn, c.t[0], c.t[1], c.t[2], c.desc, options...)
	if err != nil || !p.backend.Tune || plan.Time() > 0 {
		return plan, err
	}
	if p.tuned == nil {
		p.say("timing cuDNN's engines on this card, which is done once for each shape")
		p.tuned = p.counter("cuDNN's engines are timed for %d of %d convolutions", p.shapes())
	}
	defer p.tuned()
	if err := p.stopped(); err != nil {
		plan.Close()
		return nil, err
	}
	all, err := c.plans(p.dnn, c.t[0], c.t[1], c.t[2], c.desc, append(options, cudnn.Candidates(candidates))...)
	if err != nil {
		return plan, nil // without tuning the heuristics' first proposal is taken
	}
	defer func() {
		for _, x := range append(all, plan) {
			if x != nil {
				x.Close()
			}
		}
	}()
	var most int64
	for _, x := range all {
		most = max(most, x.Workspace())
	}
	var workspace cuda.Ptr
	if most > 0 {
		m, err := p.dev.ctx.Alloc(most)
		if err != nil {
			return nil, err
		}
		defer m.Close()
		workspace = m.Ptr()
	}
	times, err := p.dnn.Autotune(all, workspace, ptrs...)
	if err != nil {
		return nil, err
	}
	best := times[0].Plan
	all[slices.Index(all, best)] = nil
	return best, nil
}

// candidates is the number of the library's proposals that are timed.
const candidates = 6

func (p *program) say(line string) {
	if p.backend.Report != nil {
		p.backend.Report(line)
	}
}

// workspaceOf returns memory of at least n bytes. All work on a stream may share it, since a stream
// runs one entry after the other.
func (p *program) workspaceOf(stream int, n int64) (cuda.Ptr, error) {
	w := &p.workspaces[stream]
	if n > w.bytes {
		m, err := p.dev.ctx.Alloc(n)
		if err != nil {
			return 0, fmt.Errorf("gpu: memory for cuDNN to work in: %w", err)
		}
		p.dev.owned = append(p.dev.owned, m) // the earlier workspace may still be part of a graph
		w.at, w.bytes = m.Ptr(), n
	}
	return w.at, nil
}
