package gpu

import (
	"errors"
	"fmt"

	kernels "shake/csrc/cuda"
	"shake/cudnn"
	"shake/cudnn/cuda"
	"shake/internal/engine"
	"shake/internal/graph"
)

// Backend is one of the cards that CUDA shows (CUDA_VISIBLE_DEVICES chooses and orders them).
type Backend struct {
	Card      int    // its number, from 0
	Group     *Group // the cards that it trains together with; nil: it trains alone
	Precision string // the precision of "auto"; "": the card's best
	Eager     bool   // launch every kernel on its own, instead of one graph a step
	// Tune times cuDNN's proposals on the card instead of trusting its heuristics. It also times
	// cuDNN's statistics, norms, convolutions and weight gradients against ours, and cooperative
	// launches against several.
	Tune bool
	// Rivals are the kinds of rival (ConvStats, BatchNorm, BatchNormBackward, OwnFilter, OwnConv,
	// CooperativeBackward) that are taken wherever one exists. All other kinds are taken where they
	// were measured to be faster. May be empty.
	Rivals []string
	// Measured are kinds of rival that are prepared for Measure. Without Tune none of them is taken.
	Measured []string
	// Stop says whether to leave a first start off; Compile then returns engine.ErrAbandoned. Several
	// threads ask it, also at once. nil: never.
	Stop func() bool
	// Programmatic says whether kernels of ours may begin before the launch in front of them has
	// ended.
	Programmatic Programmatic
	// Report receives a line about an event worth reporting, such as an unusable cache; may be nil.
	Report func(string)
}

// Name returns "gpu".
func (Backend) Name() string { return "gpu" }

// maxCrop is the largest Config.Crop that the kernels take.
const maxCrop = 1<<16 - 1

// Compile implements engine.Backend.
//
// Errors: *NoCardError where the machine has no card or no usable driver; the load errors of cuDNN
// and NVRTC where a library is missing; *MemoryError where the network does not fit the card;
// engine.ErrAbandoned where Stop said so.
func (b Backend) Compile(g *graph.Graph, c engine.Config) (engine.Program, error) {
	if err := c.Check("gpu", maxCrop); err != nil {
		return nil, err
	}
	if c.Precision == "" || c.Precision == "auto" {
		c.Precision = b.Precision
	}
	card, err := card(b.Card)
	if err != nil {
		return nil, err
	}
	major, minor := card.ComputeCapability()
	prec, err := choosePrecision(c, card.Name(), major, minor)
	if err != nil {
		return nil, err
	}
	all, share := c, engine.Whole(c.Replicas)
	if b.Group != nil {
		if share, err = engine.ShareOf(c.Replicas, b.Group.Rank, b.Group.World); err == nil {
			err = share.Fits(c.Batch)
		}
		if err != nil {
			return nil, fmt.Errorf("gpu: %w", err)
		}
		c.Batch, c.Replicas = share.Most(c.Batch), share.Count
	}
	var list *List
	if b.Group == nil {
		list, err = Lower(g, prec.storage, c.Batch, c.Replicas, RecipeOf(c))
	} else {
		group := *b.Group
		if b.Group = &group; group.Progress == nil {
			group.Progress = &Progress{}
		}
		list, err = lowerShare(g, prec.storage, all, share, &Several{All: all.Batch, First: share.First, Bucket: b.Group.Bucket})
	}
	if err != nil {
		return nil, err
	}
	p := &program{
		cfg: c, all: all, share: share, graph: g, list: list, order: engine.NormLayers(g, list.Plan), precision: prec, card: card, backend: b,
		thread: newThread(), dev: &device{}, plans: map[string]*cudnn.Plan{}, cut: map[string]bool{}, runners: map[purpose]*runner{},
	}
	p.step = p.stepNext
	err = p.thread.do(func() error { return p.backend.Group.work(p.build) })
	var full *cuda.OutOfMemoryError
	if errors.As(err, &full) && full.Total > 0 {
		// The list alone fitted into the free memory; cuDNN asks for a larger workspace than is
		// left.
		err = p.tooLarge(p.need+full.Want, 0)
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// card starts CUDA and returns device i.
func card(i int) (cuda.Device, error) {
	ds, err := cuda.Devices()
	if err != nil {
		return cuda.Device{}, &NoCardError{err}
	}
	if len(ds) == 0 {
		return cuda.Device{}, &NoCardError{cuda.ErrNoDevice}
	}
	if i < 0 || i >= len(ds) {
		return cuda.Device{}, fmt.Errorf("gpu: card %d: CUDA shows %d", i, len(ds))
	}
	return ds[i], nil
}

// Cards is the number of cards that CUDA shows.
func Cards() (int, error) {
	ds, err := cuda.Devices()
	if err != nil {
		return 0, &NoCardError{err}
	}
	return len(ds), nil
}

// Available says whether a network can run here. It returns nil, or the error that Compile would
// return for a missing card, driver, cuDNN or NVRTC.
func Available() error {
	if _, err := card(0); err != nil {
		return err
	}
	if _, err := cudnn.Version(); err != nil {
		return err
	}
	_, _, err := cuda.NVRTCVersion()
	return err
}

// build makes everything on the card, on its thread.
func (p *program) build() error {
	var err error
	d := p.dev
	if d.ctx, err = p.card.Primary(); err != nil {
		return err
	}
	if err := d.ctx.SetCurrent(); err != nil {
		return err
	}
	if p.dnn, err = cudnn.New(d.ctx); err != nil {
		return err
	}
	if err := d.openStreams(p.backend.Group != nil); err != nil {
		return err
	}
	if err := p.dnn.SetStream(d.streams[mainStream]); err != nil {
		return err
	}
	p.dnn.SetWait(p.wait)
	if plans, err := cudnn.OpenCache(""); err == nil {
		plans.Report = func(file, why string) { p.say(fmt.Sprintf("plan cache: %s: %s", file, why)) }
		p.dnn.UseCache(plans)
	}
	if err := p.mayOverlap(); err != nil {
		return err
	}
	if err := p.findRivals(); err != nil {
		return err
	}
	if err := p.fits(); err != nil {
		return err
	}
	if err := p.loadKernels(); err != nil {
		return err
	}
	if (p.backend.Tune && len(p.rivals) > 0 || p.overlap.measured()) && p.backend.Rivals == nil {
		p.chosen = p.openChoices()
	}
	if err := p.prepare(p.questions()); err != nil {
		return err
	}
	defer p.dnn.Forget()
	if err := p.reserve(); err != nil {
		return err
	}
	if p.backend.Group != nil {
		if err := p.joinGroup(*p.backend.Group); err != nil {
			return err
		}
	}
	p.attach()
	if err := d.initialize(p.list); err != nil {
		return err
	}
	if err := p.decide(); err != nil {
		return err
	}
	err = p.backend.Group.compute(func() error {
		return errors.Join(p.resetTotals(TrainTotals), p.resetTotals(EvalTotals), p.setState(p.list.fresh()))
	})
	if err != nil {
		return err
	}
	// Binding here finds cuDNN's engines, so that an unsupported convolution is reported before the
	// start.
	if _, err = p.runner(training, p.all.Batch); err != nil {
		return err
	}
	return p.bindEvaluation()
}

// fits compares the memory that the network needs with the free memory. Where the two are close,
// cuDNN's workspaces count too.
func (p *program) fits() error {
	free, total, err := p.dev.ctx.MemInfo()
	if err != nil {
		return err
	}
	m, err := p.list.Memory()
	if err != nil {
		return err
	}
	p.free, p.total, p.need = free, total, m.Total()
	if p.need+workspaceLimit <= free {
		return nil
	}
	if p.need <= free {
		if err := p.prepare(p.questions()); err != nil {
			return err
		}
	}
	var most [streams]int64 // every stream has a workspace of its own
	for i, o := range p.list.Ops {
		if c := p.list.convolution(o, p.cfg.Batch, p.precision); c != nil {
			plan, err := c.plan(p.dnn, c.t[0], c.t[1], c.t[2], c.desc, c.options(p.cfg.Deterministic)...)
			if err != nil {
				continue // binding reports it, or finds another way
			}
			m := &most[p.list.Items[i].Stream]
			*m = max(*m, plan.Workspace())
			plan.Close()
		}
	}
	work := int64(0)
	for _, n := range most {
		work += align(n)
	}
	if p.need+work <= free {
		return nil
	}
	return p.tooLarge(p.need+work, 0)
}

// tooLarge is the error of a network that needs more than the free memory. need and data are bytes;
// data is the part of need for data sets.
func (p *program) tooLarge(need, data int64) error {
	largest, err := LargestBatch(p.graph, p.list.Type, p.cfg.Replicas, p.cfg.Batch-1, p.list.Recipe, p.free, need-p.need+4*int64(p.list.spare))
	if err != nil {
		return err
	}
	largest *= p.share.World
	return &MemoryError{Card: p.card.Name(), Batch: p.all.Batch, Need: need, Data: data, Free: p.free, Total: p.total, Largest: largest}
}

// reserve allocates device memory and pinned host memory.
func (p *program) reserve() error {
	if err := p.dev.allocate(p.list); err != nil {
		return err
	}
	var err error
	for m, slots := range map[mode]int{training: stepSlots, evaluation: evalSlots} {
		l := p.list.of(m)
		if p.rings[m], err = newRing(p.dev.ctx, slots, kernels.IndexWords(l.Batch, l.Recipe.Mixup)); err != nil {
			return err
		}
	}
	p.host, err = p.dev.ctx.AllocPinned(int64(max(kernels.TotalsSize, 4*p.list.Eval.all()*p.list.Plan.Graph.Classes, kernels.MomentsSize*p.list.Moments)))
	return err
}
