package gpu

import (
	"errors"
	"fmt"
	"math"
	"slices"

	kernels "shake/csrc/cuda"
	"shake/cudnn"
	"shake/cudnn/cuda"
	"shake/cudnn/cupti"
	"shake/internal/engine"
	"shake/internal/graph"
)

// program is a network on a card. Its methods run their work on the thread that owns the card's
// context.
type program struct {
	cfg       engine.Config // of this card: its share of the batch and of the replicas
	all       engine.Config // of all cards
	share     engine.Share
	group     *cards       // nil: one card
	graph     *graph.Graph // the graph before the passes
	list      *List
	order     []engine.NormLayer // order of the running statistics in the state
	precision precision
	card      cuda.Device
	backend   Backend

	thread   *thread
	dev      *device
	dnn      *cudnn.Handle
	plans    map[string]*cudnn.Plan // by convolution.key and graphKey
	modules  []*cuda.Module
	kernels  [2][]*bound // by mode and op; nil for an op without a kernel
	normEval []*bound    // by norm
	rivals   []*rival    // all rivals that may be taken
	taken    []*rival    // by their first op; nil where none is taken
	cast     *bound      // conversion of the weights to their copy; nil with float32 storage
	runners  map[purpose]*runner
	ring     *ring
	host     *cuda.Pinned // totals and logits, copied from the card
	sets     [2]*dataSet  // training, test
	next     engine.Step  // the argument of stepNext
	step     func() error // stepNext
	partner  []int32      // of a batch of all cards, scratch of mix
	mixed    []int32      // of this card, scratch of mix
	profile  *profile     // nil: steps are not timed
	ranges   *ranges      // nil: no profiler is attached
	recorder *cupti.Recorder
	closed   bool
	tuned    bool  // the report about timing of engines has been made
	need     int64 // bytes of the list
	free     int64 // bytes free on the card when the program was made
	total    int64 // bytes of the card

	workspaces [streams]workspace
}

// workspace is cuDNN's memory for its work on a stream.
type workspace struct {
	at    cuda.Ptr
	bytes int64
}

// workspaceBytes is the memory that cuDNN works in.
func (p *program) workspaceBytes() (n int64) {
	for _, w := range p.workspaces {
		n += w.bytes
	}
	return n
}

// purpose is the key of a runner. n counts the images of the whole batch: several cards capture and
// launch their graphs alike.
type purpose struct {
	mode mode
	n    int
}

// Info implements engine.Program.
func (p *program) Info() engine.Info {
	version := ""
	_ = p.do(func() error { version = p.dnn.Version(); return nil })
	return engine.Info{
		Device:  "gpu",
		Detail:  fmt.Sprintf("%s, %s, cuDNN %s", p.card.Name(), p.precision.name, version),
		Cards:   []string{p.card.PCIBusID()},
		Workers: 1,
		Memory:  p.dev.held + p.workspaceBytes(),
		Free:    p.free,
		Piece:   evalBatches * p.all.Batch,
	}
}

// evalBatches is the most batches of one call of Eval: a card needs about a millisecond for each.
// Every call waits for the card twice and sets every norm.
const evalBatches = 128

// runner returns the runner for a batch of n, made on first use.
func (p *program) runner(m mode, n int) (*runner, error) {
	if r := p.runners[purpose{m, n}]; r != nil {
		return r, nil
	}
	var r *runner
	err := p.group.work(func() (err error) {
		r, err = p.newRunner(m, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.runners[purpose{m, n}] = r
	return r, nil
}

func (p *program) dropRunners() {
	p.endProfile()
	for k, r := range p.runners {
		r.close()
		delete(p.runners, k)
	}
}

// do runs f on the card's thread.
func (p *program) do(f func() error) error {
	if p.closed {
		return errClosed
	}
	return p.thread.do(f)
}

var errClosed = errors.New("gpu: the program is closed")

// Step implements engine.Program. It queues the step and returns.
func (p *program) Step(s engine.Step) error {
	p.next = s
	return p.do(p.step)
}

// stepNext queues p.next. The function value is made once, so that a step allocates nothing.
func (p *program) stepNext() error {
	s := p.next
	if err := p.check(p.sets[training], "training", s.Index); err != nil {
		return err
	}
	return p.queue(training, kernels.Step{Iteration: s.Iteration, LR: float32(s.LR)}, s.Index)
}

// check returns an error for an invalid batch of images of a data set.
func (p *program) check(d *dataSet, what string, index []int32) error {
	if d == nil {
		return engine.NotLoaded("gpu", what)
	}
	return p.all.CheckBatch("gpu", index, d.n)
}

// queue puts one pass over this card's share of a batch on the stream. It fills in the batch's
// fields of s.
func (p *program) queue(m mode, s kernels.Step, index []int32) error {
	r, err := p.runner(m, len(index))
	if err != nil {
		return err
	}
	lo, hi := p.share.Images(len(index))
	s.Seed, s.Base, s.Replica, s.Images = p.cfg.Seed, uint32(lo), uint32(p.share.First), uint32(len(index))
	own := index[lo:hi]
	if m == training && p.list.Recipe.Mixup {
		own = p.mix(s.Iteration, index)
	}
	serial := uint32(0)
	if p.group != nil {
		serial = p.group.reached.serial.Add(1)
	}
	if err := p.ring.send(p.dev.streams[mainStream], p.dev.single[StepRecord], s, serial, own); err != nil {
		return err
	}
	if p.profile != nil && p.profile.r == r {
		return p.timed(p.profile)
	}
	return p.group.because(p.run(r))
}

// mix is the indexes of this card's share of a batch, with the partners and the weight of its
// mixup.
func (p *program) mix(iteration uint32, index []int32) []int32 {
	partner := slices.Grow(p.partner[:0], len(index))[:len(index)]
	weight := engine.Mix(p.cfg.Seed, iteration, p.cfg.Mixup, partner)
	lo, hi := p.share.Images(len(index))
	own := append(p.mixed[:0], index[lo:hi]...)
	for _, j := range partner[lo:hi] {
		own = append(own, index[j])
	}
	own = append(append(own, partner[lo:hi]...), int32(math.Float32bits(float32(weight))))
	p.partner, p.mixed = partner, own
	return own
}

// Metrics implements engine.Program.
func (p *program) Metrics(reset bool) (m engine.Metrics, err error) {
	err = p.do(func() error {
		m, err = p.totals(TrainTotals)
		if err == nil && reset {
			err = p.resetTotals(TrainTotals)
		}
		return err
	})
	return m, err
}

// totals waits for the stream, and returns the totals in w.
func (p *program) totals(w ArgKind) (engine.Metrics, error) {
	b := p.host.Bytes()[:kernels.TotalsSize]
	if err := p.dev.streams[mainStream].CopyToHost(b, p.dev.single[w]); err != nil {
		return engine.Metrics{}, err
	}
	if err := p.dev.streams[mainStream].Synchronize(); err != nil {
		return engine.Metrics{}, p.group.because(fmt.Errorf("gpu: waiting for the card: %w", err))
	}
	if p.group.lost() {
		return engine.Metrics{}, ErrLost
	}
	t := getTotals(b)
	return engine.Metrics{Images: int(t.Images), Loss: t.Loss, Errors: int(t.Errors), BadStep: t.BadStep}, nil
}

// resetTotals requires an idle stream: it uses the same pinned memory as the stream's copies.
func (p *program) resetTotals(w ArgKind) error {
	b := p.host.Bytes()[:kernels.TotalsSize]
	putTotals(b, kernels.Totals{BadStep: -1})
	if err := p.dev.streams[mainStream].CopyToDevice(p.dev.single[w], b); err != nil {
		return err
	}
	return p.dev.streams[mainStream].Synchronize()
}

// Eval implements engine.Program.
func (p *program) Eval(lo, hi int) (m engine.Metrics, err error) {
	err = p.do(func() error {
		if err := p.resetTotals(EvalTotals); err != nil {
			return err
		}
		if err := p.evaluate(lo, hi, func(int) error { return nil }); err != nil {
			return err
		}
		m, err = p.totals(EvalTotals)
		m.BadStep = -1
		return err
	})
	return m, err
}

// Logits implements engine.Program.
func (p *program) Logits(lo, hi int) (out []float32, err error) {
	err = p.do(func() error {
		classes := p.list.Plan.Graph.Classes
		return p.evaluate(lo, hi, func(n int) error {
			b := p.host.Bytes()[:4*n*classes]
			if err := p.dev.streams[mainStream].CopyToHost(b, p.dev.single[Logits]); err != nil {
				return err
			}
			if err := p.dev.streams[mainStream].Synchronize(); err != nil {
				return err
			}
			for i := range n * classes {
				out = append(out, math.Float32frombits(uint32(b[4*i])|uint32(b[4*i+1])<<8|uint32(b[4*i+2])<<16|uint32(b[4*i+3])<<24))
			}
			return nil
		})
	})
	return out, err
}

// Correlate implements engine.Correlator.
func (p *program) Correlate(lo, hi int) (out []engine.Moments, err error) {
	err = p.do(func() error {
		n := kernels.MomentsSize * p.list.Moments
		if n > 0 {
			if err := p.dev.streams[mainStream].Memset8(p.dev.single[Moments], 0, int64(n)); err != nil {
				return err
			}
		}
		if err := p.evaluate(lo, hi, func(int) error { return nil }); err != nil || n == 0 {
			return err
		}
		b := p.host.Bytes()[:n]
		if err := errors.Join(p.dev.streams[mainStream].CopyToHost(b, p.dev.single[Moments]), p.dev.streams[mainStream].Synchronize()); err != nil {
			return fmt.Errorf("gpu: waiting for the card: %w", err)
		}
		out = getMoments(b)
		return nil
	})
	return out, err
}

// evaluate runs test images lo..hi-1 with replica 0's running statistics, a batch at a time. It
// calls each after every batch, with the number of its images.
func (p *program) evaluate(lo, hi int, each func(n int) error) error {
	d := p.sets[evaluation]
	if d == nil {
		return engine.NotLoaded("gpu", "test")
	}
	if err := engine.CheckRange("gpu", lo, hi, d.n); err != nil {
		return err
	}
	if p.group != nil {
		if err := p.sendStatistics(); err != nil {
			return p.group.because(err)
		}
	}
	for _, k := range p.normEval {
		if err := p.launchOnce(k); err != nil {
			return err
		}
	}
	index := make([]int32, p.all.Batch)
	for ; lo < hi; lo += p.all.Batch {
		n := min(p.all.Batch, hi-lo)
		for i := range n {
			index[i] = int32(lo + i)
		}
		if err := p.queue(evaluation, kernels.Step{}, index[:n]); err != nil {
			return err
		}
		if err := each(n); err != nil {
			return err
		}
	}
	return nil
}

// State implements engine.Program.
func (p *program) State() (ts []engine.Tensor, err error) {
	err = p.do(func() error {
		h, err := p.download()
		if err == nil {
			ts = engine.Snapshot(p.list.slots(h, p.order))
		}
		return err
	})
	return ts, err
}

// SetState implements engine.Program.
func (p *program) SetState(ts []engine.Tensor) error {
	if err := checkScale(ts); err != nil {
		return err
	}
	return p.do(func() error {
		h, err := p.download()
		if err != nil {
			return err
		}
		slots := p.list.slots(h, p.order)
		if err := engine.Restore(slots, ts); err != nil {
			return fmt.Errorf("gpu: %w", err)
		}
		p.list.take(h, p.order, slots)
		return p.setState(h)
	})
}

// download waits for the stream and copies the state.
func (p *program) download() (*hostState, error) {
	h := p.list.fresh()
	s := p.dev.streams[mainStream]
	down := func(dst []float32, src cuda.Ptr) error { return s.CopyToHost(cuda.Bytes(dst), src) }
	for i, flat := range h.flats() {
		if err := down(flat, p.dev.single[Weights+ArgKind(i)]); err != nil {
			return nil, err
		}
	}
	for id, r := range h.running {
		if err := down(r, p.dev.norms[Running-Norm][id]); err != nil {
			return nil, err
		}
	}
	b := make([]byte, kernels.ScalerSize)
	if err := errors.Join(s.CopyToHost(b, p.dev.single[LossScale]), s.Synchronize()); err != nil {
		return nil, err
	}
	h.scaler = getScaler(b)
	return h, nil
}

// setState copies h to the device, with the weights' copy in the storage type.
func (p *program) setState(h *hostState) error {
	s := p.dev.streams[mainStream]
	up := func(dst cuda.Ptr, src []float32) error { return s.CopyToDevice(dst, cuda.Bytes(src)) }
	if err := s.CopyToDevice(p.dev.single[LossScale], scalerBytes(h.scaler)); err != nil {
		return err
	}
	for i, flat := range h.flats() {
		if err := up(p.dev.single[Weights+ArgKind(i)], flat); err != nil {
			return err
		}
	}
	for id, r := range h.running {
		if err := up(p.dev.norms[Running-Norm][id], r); err != nil {
			return err
		}
	}
	if p.cast != nil {
		if err := p.launchOnce(p.cast); err != nil {
			return err
		}
	}
	return s.Synchronize()
}

// Close implements engine.Program. It may be called twice.
func (p *program) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	err := p.thread.do(func() error { p.release(); return nil })
	p.thread.stop()
	return err
}

// release frees every device object of the program.
func (p *program) release() {
	if p.dev == nil {
		return
	}
	if p.group.lost() {
		p.group.comm.Abort()
	}
	if s := p.dev.streams[mainStream]; s != nil {
		s.Synchronize()
	}
	p.dropRunners()
	p.group.close()
	for _, plan := range p.plans {
		plan.Close()
	}
	if p.dnn != nil {
		p.dnn.Close()
	}
	for _, d := range p.sets {
		d.close()
	}
	for _, m := range p.modules {
		m.Close()
	}
	if p.ring != nil {
		p.ring.close()
	}
	p.host.Close()
	p.dev.close()
}
