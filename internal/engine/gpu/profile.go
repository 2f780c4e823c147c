package gpu

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"shake/cudnn/cuda"
	"shake/internal/engine"
)

// profile times the steps of a program by events around each item of its runner, which is launched
// item by item and not as a graph. An item that is shorter than the host's launch of it shows the
// host's pace: Measure times launches by themselves.
type profile struct {
	r          *runner // of a full batch
	begin, end *cuda.Event
	traces     []engine.Trace
}

// started is the origin of the clock of traces.
var started = time.Now()

// Now implements engine.Profiler.
func (p *program) Now() time.Duration { return time.Since(started) }

// Profile implements engine.Profiler. Steps on full batches are timed.
func (p *program) Profile(on bool) error {
	return p.do(func() error {
		p.endProfile()
		if !on {
			return nil
		}
		r, err := p.runner(training, p.all.Batch)
		if err != nil {
			return err
		}
		p.profile = &profile{r: r}
		events := []**cuda.Event{&p.profile.begin, &p.profile.end}
		for i := range r.items {
			if r.items[i].work != nil {
				events = append(events, &r.items[i].clocks[0], &r.items[i].clocks[1])
			}
		}
		for _, e := range events {
			if *e, err = p.dev.ctx.NewEvent(true); err != nil {
				p.endProfile()
				return fmt.Errorf("gpu: events to time launches by: %w", err)
			}
		}
		return nil
	})
}

// endProfile closes the events.
func (p *program) endProfile() {
	f := p.profile
	if f == nil {
		return
	}
	p.profile = nil
	for i := range f.r.items {
		x := &f.r.items[i]
		x.clocks[0].Close()
		x.clocks[1].Close()
		x.clocks = [2]*cuda.Event{}
	}
	f.begin.Close()
	f.end.Close()
}

// timed runs a step item by item and adds its trace. The card's times are laid on the host's clock
// where the step begins, which is exact to a launch.
func (p *program) timed(f *profile) error {
	s := p.dev.streams[mainStream]
	if err := s.Synchronize(); err != nil {
		return err
	}
	start := p.Now()
	if err := p.group.because(errors.Join(f.begin.Record(s), p.launch(f.r), f.end.Record(s), f.end.Synchronize())); err != nil {
		return err
	}
	whole, err := f.end.Since(f.begin)
	if err != nil {
		return err
	}
	t := engine.Trace{Start: start, End: start + whole}
	for _, x := range f.r.items {
		if x.work == nil {
			continue
		}
		from, err := x.clocks[0].Since(f.begin)
		if err != nil {
			return err
		}
		took, err := x.clocks[1].Since(x.clocks[0])
		if err != nil {
			return err
		}
		t.Ops = append(t.Ops, engine.Timed{Op: x.op, Track: x.stream, Start: start + from, End: start + from + took, Busy: took})
	}
	t.Work = t.Ops
	f.traces = append(f.traces, t)
	return nil
}

// Traces implements engine.Profiler.
func (p *program) Traces() (ts []engine.Trace, err error) {
	err = p.do(func() error {
		if p.profile != nil {
			ts, p.profile.traces = p.profile.traces, nil
		}
		return nil
	})
	return ts, err
}

// Tracks implements engine.Profiler.
func (p *program) Tracks() []string {
	out := make([]string, streams)
	for i := range out {
		out[i] = fmt.Sprintf("stream %d", i)
	}
	if p.group != nil {
		out = append(out, fmt.Sprintf("stream %d, of sums over cards", cardsStream))
	}
	return out
}

// operations are the ops of the list, by number, without their launches.
func (p *program) operations() []engine.Operation {
	var out []engine.Operation
	launches, err := p.list.Launches(p.cfg, nil)
	head := len(p.list.Ops)
	for i, o := range p.list.Ops {
		if _, ok := o.(*Head); ok {
			head = i
		}
		kind, text, _ := strings.Cut(p.list.op(o), "\t")
		x := engine.Operation{Kind: kind, Text: text, At: i, Layer: p.list.layerOf(o), Phase: phaseOf(o, i > head)}
		_, x.Exchange = o.(*AllReduce)
		if err == nil {
			l := launches[i]
			x.Kind, x.FLOPs = l.Op, l.FLOPs
			for _, s := range l.Reads {
				x.Bytes += s.LaneBytes * float64(s.Lanes)
			}
			if x.FLOPs == 0 { // one multiply-add a value read
				x.FLOPs = 2 * x.Bytes / float64(p.list.Type.Size())
			}
			for _, s := range l.Writes {
				x.Bytes += s.LaneBytes * float64(s.Lanes)
			}
			x.Bytes += l.Extra
		}
		out = append(out, x)
	}
	return out
}

// Operations implements engine.Profiler: the ops of the list, by number. An op that an item of
// several covers has no launches of its own.
func (p *program) Operations() []engine.Operation {
	out := p.operations()
	_ = p.do(func() error {
		r, err := p.runner(training, p.all.Batch)
		if err != nil {
			return err
		}
		for _, x := range r.items {
			if x.work != nil {
				out[x.op].Launches = len(x.work)
			}
		}
		return nil
	})
	return out
}

// phaseOf is the phase of an op, which stands before or behind the head.
func phaseOf(o Op, behind bool) engine.Phase {
	switch o.(type) {
	case *Augment:
		return engine.PhaseInput
	case *Pack, *Unpack, *Finite, *Clip, *SGD, *Rescale:
		return engine.PhaseUpdate
	case *Tally, *Head, *Zero:
		return engine.PhaseForward
	}
	if behind {
		return engine.PhaseBackward
	}
	return engine.PhaseForward
}

// layerOf is the layer that an op belongs to, by the buffer that it completes; "" if it belongs to
// none.
func (l *List) layerOf(o Op) string {
	buf := func(b BufID) string { return engine.LayerOf(l.Plan.Buffers[b].Name) }
	switch o := o.(type) {
	case *Augment:
		return "input"
	case *Conv:
		return buf(o.Y.Buf)
	case *Stats:
		return buf(o.X)
	case *Apply:
		return buf(o.Y)
	case *Join:
		return buf(o.Y)
	case *Clear:
		return buf(o.Y)
	case *Copy:
		if l.Plan.Buffers[o.Y.Buf].Grows {
			return buf(o.X.Buf)
		}
		return buf(o.Y.Buf)
	case *Head:
		return "head"
	case *HeadGrad:
		return "head"
	case *Tally:
		return "head"
	case *GradConcat:
		return buf(o.Y)
	case *ConvData:
		return buf(o.DY.Buf)
	case *ConvFilter:
		return buf(o.DY.Buf)
	case *GradSum:
		return engine.LayerOf(l.Plan.PlaceOfSum(o.Dst.Buf, o.Terms))
	}
	return ""
}

// Held implements engine.Profiler.
func (p *program) Held() engine.Held {
	add := func(to []engine.MemoryClass, name string, bytes int64) []engine.MemoryClass {
		return append(to, engine.MemoryClass{Name: name, Bytes: bytes})
	}
	classes := add(nil, "activations and their gradients", int64(p.list.Arena))
	sizes, err := p.list.sizes()
	if err == nil {
		other := int64(0)
		for k, n := range sizes {
			switch ArgKind(k) {
			case Weights:
				classes = add(classes, "weights", n)
			case Velocity:
				classes = add(classes, "momentum", n)
			case Gradients:
				classes = add(classes, "gradients of weights", n)
			case Storage:
				if n > 0 {
					classes = add(classes, "weights in the storage type", n)
				}
			case Partial:
				classes = add(classes, "scratch of reductions", n)
			default:
				other += n
			}
		}
		classes = add(classes, "packed weights, records, results", other)
	}
	norms, workspaces, data := int64(0), int64(0), int64(0)
	for id := range p.list.Plan.Norms {
		for _, n := range p.list.normSizes(engine.NormID(id)) {
			norms += n
		}
	}
	for _, w := range p.workspaces {
		workspaces += w.bytes
	}
	in := p.graph.Values[p.graph.Input]
	for _, d := range p.sets {
		if d != nil {
			data += int64(d.n) * int64(in.C*in.H*in.W+2)
		}
	}
	classes = add(add(add(classes, "norms", norms), "cuDNN's workspaces", workspaces), "data set", data)
	var used []engine.Buffer
	for _, b := range p.list.Plan.Buffers {
		if b.First != engine.None {
			used = append(used, b)
		}
	}
	return engine.Held{Classes: classes, Arena: engine.AliveAt(used, len(p.list.Ops), 0, 1)}
}
