package cpu

import (
	"fmt"
	"time"

	kernel "shake/csrc/cpu"
	"shake/internal/engine"
)

// Operations are numbered: these, which the plan does not have, then the plan's.
const (
	opAugment = iota
	opDraw
	opPack
	opSGD
	firstOfPlan
)

// profile times the steps of a program. The caller's time of an operation is read on the
// caller's clock, the workers' on theirs.
type profile struct {
	watch  *kernel.Watch
	spans  []kernel.Span // scratch
	traces []engine.Trace
	step   engine.Trace // at hand
	op     int          // at hand, since from
	from   time.Duration
	err    error
}

// Profile implements engine.Profiler.
func (p *program) Profile(on bool) error {
	if p.profile != nil {
		p.profile.watch.Stop()
		p.profile = nil
	}
	if on {
		if p.watch == nil {
			// An operation has at most three dispatches.
			p.watch = kernel.NewWatch(p.pool, 4*(len(p.train)+len(p.convs)+firstOfPlan))
		}
		p.profile = &profile{watch: p.watch}
		p.watch.Start()
	}
	return nil
}

// Traces implements engine.Profiler.
func (p *program) Traces() ([]engine.Trace, error) {
	if p.profile == nil {
		return nil, nil
	}
	t, err := p.profile.traces, p.profile.err
	p.profile.traces, p.profile.err = nil, nil
	return t, err
}

// Now implements engine.Profiler.
func (p *program) Now() time.Duration { return kernel.Clock() }

func (p *program) beginStep() {
	if f := p.profile; f != nil {
		// An abandoned step may have left spans behind.
		f.spans, _ = f.watch.Take(f.spans[:0])
		f.step = engine.Trace{Start: kernel.Clock()}
	}
}

// begin says that operation op begins.
func (p *program) begin(op int) {
	if f := p.profile; f != nil {
		f.op = op
		f.watch.Begin(op)
		f.from = kernel.Clock()
	}
}

// end says that the operation at hand is done.
func (p *program) end() {
	if f := p.profile; f != nil {
		f.step.Ops = append(f.step.Ops, engine.Timed{Op: f.op, Start: f.from, End: kernel.Clock()})
	}
}

func (p *program) endStep() {
	f := p.profile
	if f == nil {
		return
	}
	f.step.End = kernel.Clock()
	var err error
	if f.spans, err = f.watch.Take(f.spans[:0]); err != nil && f.err == nil {
		f.err = err
	}
	busy := map[int]time.Duration{}
	for _, s := range f.spans {
		f.step.Work = append(f.step.Work, engine.Timed{Op: s.Op, Track: s.Worker, Start: s.Start, End: s.End, Busy: s.Processor})
		busy[s.Op] += s.Processor
	}
	for i, o := range f.step.Ops {
		f.step.Ops[i].Busy = busy[o.Op]
		if busy[o.Op] == 0 { // the caller did it alone, without a dispatch
			f.step.Ops[i].Busy = o.End - o.Start
			f.step.Work = append(f.step.Work, f.step.Ops[i])
		}
	}
	f.traces = append(f.traces, f.step)
}

// Operations implements engine.Profiler.
func (p *program) Operations() []engine.Operation {
	in := p.plan.Graph.Values[p.plan.Graph.Input]
	images := float64(p.cfg.Batch * in.C * in.H * in.W)
	draws := 0.0
	for _, b := range p.plan.Graph.Blocks {
		draws += 2 * float64(b.Branches*p.cfg.Batch)
	}
	packed := 0.0
	for _, c := range p.convs {
		packed += float64(c.PackedBytes())
	}
	w := float64(len(p.w))
	clip, average := 0.0, float64(len(p.average))
	if p.cfg.Clip > 0 {
		clip = w
	}
	extra := [firstOfPlan]engine.Operation{
		opAugment: {Kind: "augment", Text: "%0", Phase: engine.PhaseInput, Layer: "input", Bytes: 5 * images}, // bytes in, floats out
		opDraw:    {Kind: "draw", Text: fmt.Sprintf("alpha and beta of %d blocks", len(p.plan.Graph.Blocks)), Phase: engine.PhaseInput, Bytes: 4 * draws},
		opPack:    {Kind: "pack", Text: fmt.Sprintf("%d convolutions' weights", len(p.convs)), Phase: engine.PhaseUpdate, Bytes: 4*w + packed},
		opSGD:     {Kind: "sgd", Text: fmt.Sprintf("%d parameters", len(p.w)), Phase: engine.PhaseUpdate, FLOPs: 7*w + 2*clip + 3*average, Bytes: 20*w + 4*clip + 8*average}, // w and v there and back, g
	}
	for i := range extra {
		extra[i].At = engine.None
	}
	return append(extra[:], p.plan.Operations(p.cfg.Batch)...)
}

// Tracks implements engine.Profiler.
func (p *program) Tracks() []string {
	var out []string
	for i := range p.workers {
		out = append(out, fmt.Sprintf("worker %d", i))
	}
	return out
}

// Held implements engine.Profiler.
func (p *program) Held() engine.Held {
	n := int64(p.cfg.Batch)
	return engine.Held{
		Classes: append(p.classes(), engine.MemoryClass{Name: "data set", Bytes: p.images()}),
		Arena:   engine.AliveAt(p.plan.Buffers, len(p.plan.Steps()), firstOfPlan, 4*n),
	}
}

// classes are the arrays of the program, without the data set.
func (p *program) classes() []engine.MemoryClass {
	packed := int64(0)
	for _, c := range p.convs {
		packed += c.PackedBytes()
	}
	flat := 4 * int64(len(p.w))
	out := []engine.MemoryClass{
		{Name: "activations and their gradients", Bytes: 4 * int64(p.cfg.Batch) * int64(p.plan.Floats)},
		{Name: "weights", Bytes: flat},
		{Name: "momentum", Bytes: flat},
		{Name: "gradients of weights", Bytes: flat},
		{Name: "packed weights", Bytes: packed},
		{Name: "scratch of workers", Bytes: p.pool.ScratchBytes()},
	}
	if p.average != nil {
		out = append(out, engine.MemoryClass{Name: "average of weights", Bytes: flat})
	}
	return out
}

// images is the bytes of the program's own copy of the data set.
func (p *program) images() (n int64) {
	in := p.plan.Graph.Values[p.plan.Graph.Input]
	for _, d := range p.sets {
		if d != nil {
			n += int64(d.n) * int64(in.C*in.H*in.W+2)
		}
	}
	return n
}

// needs is the bytes of the program without the data set.
func (p *program) needs() int64 { return engine.Held{Classes: p.classes()}.Total() }
