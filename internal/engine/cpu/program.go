package cpu

import (
	"fmt"
	"math"

	kernel "shake/csrc/cpu"
	"shake/internal/engine"
)

// program is one network with its memory. train and eval are the steps of its plan, bound to their
// operands.
type program struct {
	cfg     engine.Config
	plan    *engine.Plan
	order   []engine.NormLayer // of the running statistics in the state
	isa     string
	workers int

	pool       *kernel.Pool
	memory     *kernel.Arena // activations and gradients
	flat       *kernel.Arena // weights, momentum, weight gradients, alpha and beta
	w, v, g    []float32     // every parameter, in the order of Graph.Params
	average    []float32     // of the weights; nil: none
	offset     []int         // of each parameter within w
	batch      *kernel.Batch
	tensors    []*kernel.Tensor // by BufID
	norms      []*kernel.Norm   // by NormID
	convs      []*kernel.Conv
	head       *kernel.Head
	correlates []*kernel.Correlate // in the order of the plan
	alpha      [][][]float32       // [block][branch][image]
	beta       [][][]float32
	packed     bool // the convs hold the current weights

	train, eval []call
	profile     *profile      // nil: steps are not timed
	watch       *kernel.Watch // of the pool; nil until a profile is asked for
	stop        func() bool   // asked between operations; nil: not
	before      []float32     // running statistics before the step at hand, if it may be abandoned

	sets   [2]*dataSet // training, test
	labels []uint16    // of the batch at hand
	index  []int32
	flip   []uint8
	dy, dx []int8
	holes  [][2]kernel.Hole // nil without cutout and erasing
	// Of the batch at hand: labels, and with mixup, else nil, their partners' and these
	targets kernel.Targets
	others  []uint16
	partner []int32
	draws   [2][][]float64 // alpha and beta of one block, scratch

	iteration uint32 // of the step at hand, for draws of dropout

	metrics engine.Metrics
	err     error // the first failure of a kernel call
}

// call is a step of the plan, bound.
type call struct {
	at  int // in the plan
	run func()
}

// dataSet is a resident data set.
type dataSet struct {
	n       int
	labels  []uint16
	augment *kernel.Augment
}

func (p *program) Info() engine.Info {
	return engine.Info{
		Device:  "cpu",
		Detail:  fmt.Sprintf("%s, %d workers", p.isa, p.workers),
		Workers: p.workers,
		Memory:  p.needs() + p.images(),
	}
}

func (p *program) Load(train, test *engine.Images) error {
	in, classes := p.plan.Graph.Values[p.plan.Graph.Input], p.plan.Graph.Classes
	var sets [2]*dataSet
	for i, im := range []*engine.Images{train, test} {
		if err := im.Check(in.C, in.H, in.W, classes); err != nil {
			return fmt.Errorf("cpu: loading images: %w", err)
		}
		if im == nil {
			continue
		}
		a, err := kernel.NewAugment(p.pool, kernel.AugmentSpec{Pix: im.Pix, C: im.C, H: im.H, W: im.W, Mean: im.Mean, Std: im.Std, Pad: p.cfg.Crop})
		if err != nil {
			return err
		}
		sets[i] = &dataSet{n: im.N, labels: append([]uint16(nil), im.Labels...), augment: a}
	}
	p.sets = sets
	return nil
}

// gather makes the images of index the batch: targets, replicas and the input tensor.
func (p *program) gather(d *dataSet, index []int32, draws kernel.Draws) error {
	n := len(index)
	if err := p.cfg.CheckBatch("cpu", index, d.n); err != nil {
		return err
	}
	for i, j := range index {
		p.labels[i] = d.labels[j]
	}
	p.targets = kernel.Targets{Labels: p.labels[:n]}
	if draws.Partner != nil {
		for i, j := range draws.Partner {
			p.others[i] = p.labels[j]
		}
		p.targets.Others, p.targets.Weight = p.others[:n], draws.Weight
	}
	p.batch.Set(n)
	return d.augment.Run(p.batch, index, draws, p.tensors[0])
}

// drawAugmentation draws flips, crops, holes and mixup of a batch of n.
func (p *program) drawAugmentation(iteration uint32, n int) (d kernel.Draws) {
	if p.cfg.Augments() {
		in := p.plan.Graph.Values[p.plan.Graph.Input]
		for i := range n {
			flip, dy, dx := engine.AugmentDraw(p.cfg.Seed, iteration, i, p.cfg.Crop)
			p.flip[i], p.dy[i], p.dx[i] = 0, int8(dy), int8(dx)
			if flip && p.cfg.Flip {
				p.flip[i] = 1
			}
			if p.holes != nil {
				for k, h := range engine.Holes(p.cfg.Seed, iteration, i, in.H, in.W, p.cfg.Cutout, p.cfg.Erase) {
					p.holes[i][k] = kernel.Hole{Y0: int16(h.Y0), Y1: int16(h.Y1), X0: int16(h.X0), X1: int16(h.X1)}
				}
			}
		}
		d.Flip, d.DY, d.DX, d.Holes = p.flip[:n], p.dy[:n], p.dx[:n], p.holes[:min(n, len(p.holes))]
	}
	if p.partner != nil {
		d.Partner = p.partner[:n]
		d.Weight = engine.Mix(p.cfg.Seed, iteration, p.cfg.Mixup, d.Partner)
	}
	return d
}

func (p *program) pack() {
	if p.packed {
		return
	}
	for _, c := range p.convs {
		c.Pack(p.w)
	}
	p.packed = true
}

func (p *program) Step(s engine.Step) error {
	if p.sets[0] == nil {
		return engine.NotLoaded("cpu", "training")
	}
	n := len(s.Index)
	p.iteration = s.Iteration
	p.beginStep()
	p.begin(opAugment)
	draws := p.drawAugmentation(s.Iteration, min(n, p.cfg.Batch))
	if err := p.gather(p.sets[0], s.Index, draws); err != nil {
		return err
	}
	p.end()
	p.begin(opDraw)
	p.draw(s.Iteration, n)
	p.end()
	p.begin(opPack)
	p.pack()
	p.end()
	if p.stop != nil {
		p.before = p.statistics(p.before[:0])
	}
	for _, c := range p.train {
		if p.abandoned() {
			p.restoreStatistics()
			return engine.ErrAbandoned
		}
		p.begin(firstOfPlan + c.at)
		c.run()
		p.end()
	}
	if p.err != nil {
		return p.err
	}
	p.begin(opSGD)
	if p.cfg.Clip > 0 {
		kernel.Clip(p.pool, p.g, p.cfg.Clip)
	}
	keep, rest := p.cfg.Average(s.Iteration)
	sgd := kernel.SGD{LR: float32(s.LR), Momentum: float32(p.cfg.Momentum), WeightDecay: float32(p.cfg.WeightDecay), Nesterov: p.cfg.Nesterov, Keep: float32(keep), Rest: float32(rest)}
	sgd.Run(p.pool, p.w, p.v, p.g, p.average)
	p.packed = false
	p.end()
	p.add(s.Iteration, p.sums(n))
	p.endStep()
	return nil
}

// add adds a step's results to the metrics.
func (p *program) add(iteration uint32, m engine.Metrics) {
	if p.metrics.BadStep < 0 && (math.IsNaN(m.Loss) || math.IsInf(m.Loss, 0)) {
		p.metrics.BadStep = int64(iteration)
	}
	p.metrics.Images, p.metrics.Loss, p.metrics.Errors = p.metrics.Images+m.Images, p.metrics.Loss+m.Loss, p.metrics.Errors+m.Errors
}

// draw fills every block's alpha and beta.
func (p *program) draw(iteration uint32, n int) {
	for b, bl := range p.plan.Graph.Blocks {
		alpha, beta := p.draws[0][:bl.Branches], p.draws[1][:bl.Branches]
		for k := range alpha {
			alpha[k], beta[k] = alpha[k][:n], beta[k][:n]
		}
		engine.Draw(p.cfg.Seed, iteration, b, bl, n, p.cfg.Replicas, alpha, beta)
		for k := range alpha {
			for i := range n {
				p.alpha[b][k][i], p.beta[b][k][i] = float32(alpha[k][i]), float32(beta[k][i])
			}
		}
	}
}

func (p *program) fail(err error) {
	if err != nil && p.err == nil {
		p.err = err
	}
}

// sums reads the head's results for a batch of n.
func (p *program) sums(n int) engine.Metrics {
	m := engine.Metrics{Images: n}
	for i, l := range p.head.Loss()[:n] {
		m.Loss += float64(l)
		m.Errors += int(p.head.Wrong()[i])
	}
	return m
}

func (p *program) Metrics(reset bool) (engine.Metrics, error) {
	m := p.metrics
	if reset {
		p.metrics = engine.Metrics{BadStep: -1}
	}
	return m, nil
}

func (p *program) Eval(lo, hi int) (engine.Metrics, error) {
	total := engine.Metrics{BadStep: -1}
	err := p.evaluate(lo, hi, func(n int) {
		m := p.sums(n)
		total.Images, total.Loss, total.Errors = total.Images+n, total.Loss+m.Loss, total.Errors+m.Errors
	})
	return total, err
}

func (p *program) Logits(lo, hi int) ([]float32, error) {
	var out []float32
	err := p.evaluate(lo, hi, func(n int) { out = append(out, p.head.Logits()[:n*p.plan.Graph.Classes]...) })
	return out, err
}

// Correlate implements engine.Correlator.
func (p *program) Correlate(lo, hi int) ([]engine.Moments, error) {
	total := make([]engine.Moments, len(p.correlates))
	err := p.evaluate(lo, hi, func(n int) {
		for i, c := range p.correlates {
			for j := range n {
				m := c.Moments(j)
				total[i].Merge(engine.Moments{N: int64(m[0]), A: m[1], B: m[2], AA: m[3], BB: m[4], AB: m[5]})
			}
		}
	})
	return total, err
}

// evaluate runs test images lo .. hi-1 a batch at a time and calls each with the number of images
// of the batch at hand.
func (p *program) evaluate(lo, hi int, each func(n int)) error {
	d := p.sets[1]
	if d == nil {
		return engine.NotLoaded("cpu", "test")
	}
	if err := engine.CheckRange("cpu", lo, hi, d.n); err != nil {
		return err
	}
	for b := range p.alpha {
		for _, alpha := range p.alpha[b] {
			for i := range alpha {
				alpha[i] = float32(p.plan.Graph.Blocks[b].Expected())
			}
		}
	}
	p.pack()
	for _, n := range p.norms {
		n.FinalizeEval(p.w, 0)
	}
	for ; lo < hi; lo += p.cfg.Batch {
		n := min(p.cfg.Batch, hi-lo)
		for i := range n {
			p.index[i] = int32(lo + i)
		}
		if err := p.gather(d, p.index[:n], kernel.Draws{}); err != nil {
			return err
		}
		for _, c := range p.eval {
			if p.abandoned() {
				return engine.ErrAbandoned
			}
			c.run()
		}
		if p.err != nil {
			return p.err
		}
		each(n)
	}
	return nil
}

func (p *program) Close() error {
	if p.memory != nil {
		p.memory.Close()
	}
	if p.flat != nil {
		p.flat.Close()
	}
	p.pool.Close()
	return nil
}
