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

	thread *thread
	dev    *device
	dnn    *cudnn.Handle
	plans  map[string]*cudnn.Plan // by convolution.key and graphKey
	// By convolution.key of a step: its groups are convolutions of their own
	cut      map[string]bool
	modules  []*cuda.Module
	kernels  [2][]*bound // by mode and op of its list; nil for an op without a kernel
	normEval []*bound    // by norm
	rivals   []*rival    // all rivals that may be taken
	taken    []*rival    // by their first op; nil where none is taken
	chosen   *choices    // which rivals to take, and whether launches overlap; nil: nothing is timed
	overlap  overlapping // use of programmatic launches
	cast     *bound      // conversion of the weights to their copy; nil with float32 storage
	runners  map[purpose]*runner
	rings    [2]*ring     // by mode
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
	tuned    func() // counts convolutions whose engines are timed; nil: none yet
	need     int64  // bytes of the list
	free     int64  // bytes free on the card when the program was made
	total    int64  // bytes of the card

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
		Cards:   []string{p.card.UUID()},
		Workers: 1,
		Memory:  p.dev.held + p.workspaceBytes(),
		Free:    p.free,
		Piece:   max(1, evalImages/p.list.Eval.all()) * p.list.Eval.all(),
	}
}

// runner returns the runner for a batch of n, made on first use.
func (p *program) runner(m mode, n int) (*runner, error) {
	if r := p.runners[purpose{m, n}]; r != nil {
		return r, nil
	}
	var r *runner
	err := p.backend.Group.work(func() (err error) {
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
		serial = p.group.Progress.serial.Add(1)
	}
	if err := p.rings[m].send(p.dev.streams[mainStream], p.dev.single[StepRecord], s, serial, own); err != nil {
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
		p.dropRunners() // NCCL waits for the end of graphs, also when it aborts
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
	for _, r := range p.rings {
		r.close()
	}
	p.host.Close()
	p.dev.close()
}
