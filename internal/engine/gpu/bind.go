package gpu

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"shake/cudnn"
	"shake/cudnn/cuda"
)

// bind binds op i for n images. It returns nil for an op of training alone if m is another mode.
func (p *program) bind(m mode, i, n int) ([]work, error) {
	o := p.list.Ops[i]
	if m == evaluation && trains(o) {
		return nil, nil
	}
	if c, ok := o.(*Clear); ok {
		return []work{{clear: p.dev.address(p.list, buffer(c.Y)), bytes: int64(p.list.Plan.Buffers[c.Y].Size)}}, nil
	}
	if c := p.list.convolution(o, n, p.precision); c != nil {
		w, err := p.bindGroups(o, c, n)
		if err != nil {
			return nil, fmt.Errorf("gpu: %s for %d images: %w", p.list.op(o), n, err)
		}
		return w, nil
	}
	k := p.kernels[m][i]
	if k == nil {
		return nil, nil
	}
	call, err := p.bindKernel(k, n)
	if err != nil {
		return nil, fmt.Errorf("gpu: %s: %w", p.list.op(o), err)
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

// bindKernel packs the arguments of a launch for n images.
func (p *program) bindKernel(k *bound, n int) (*cuda.Call, error) { return p.bindKernelAt(k, n, 0) }

// bindKernelAt is bindKernel for images that begin at image lo of a batch of several cards: their
// losses, errors and logits have places there.
func (p *program) bindKernelAt(k *bound, n, lo int) (*cuda.Call, error) {
	args := make([]any, len(k.Args))
	for i, a := range k.Args {
		v := 0
		switch a.Kind {
		case Images:
			v = n
		case Number:
			v = a.Index
		}
		at := p.dev.address(p.list, a)
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
	l := k.Kernel.Fit(size, k.room)
	return k.function.NewCall(cuda.Launch{Grid: l.Grid, Block: l.Block, Shared: l.Shared}, args...)
}

// launchOnce queues a launch that belongs to no batch.
func (p *program) launchOnce(k *bound) error {
	call, err := p.bindKernel(k, 1)
	if err != nil {
		return err
	}
	defer call.Close()
	return call.Run(p.dev.streams[mainStream])
}

// bindGroups binds a convolution. It cuts a convolution with groups into one for each group where
// cuDNN has no engine for the whole, or where the parts were measured to be faster.
func (p *program) bindGroups(o Op, c *convolution, n int) ([]work, error) {
	whole, err := p.bindConvolution(o, c, n)
	pieces := slicesOf(o)
	if err != nil && (pieces == nil || !errors.Is(err, cudnn.ErrNotSupported)) {
		return nil, err
	}
	if err == nil && (pieces == nil || whole.plan.Time() == 0) {
		return []work{whole}, nil
	}
	var cut []work
	var took time.Duration
	for _, piece := range pieces {
		w, failed := p.bindConvolution(piece, p.list.convolution(piece, n, p.precision), n)
		if failed != nil {
			if err == nil {
				return []work{whole}, nil
			}
			return nil, failed
		}
		cut, took = append(cut, w), took+w.plan.Time()
	}
	if err == nil && took >= whole.plan.Time() {
		return []work{whole}, nil
	}
	return cut, nil
}

// bindConvolution makes the plan of a convolution, or takes one of the same shape, and binds the
// addresses of its operands.
func (p *program) bindConvolution(o Op, c *convolution, n int) (work, error) {
	w := work{ptrs: make([]cuda.Ptr, len(c.at))}
	for i, a := range c.at {
		w.ptrs[i] = p.dev.address(p.list, a) + cuda.Ptr(int64(c.off[i])*c.t[i].Type.Size())
	}
	var err error
	w.plan, err = p.planOf(c.key(), func() (*cudnn.Plan, error) {
		if n < p.cfg.Batch {
			if full := p.plans[p.list.convolution(o, p.cfg.Batch, p.precision).key()]; full != nil {
				return p.ragged(c, full)
			}
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
