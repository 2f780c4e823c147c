package gpu

import (
	"fmt"
	"slices"
	"time"

	"shake/cudnn/cuda"
)

// A kernel of ours behind another kernel on its stream, with nothing else to wait for, may begin
// while the one in front ends: its launch is programmatic, and it waits itself (sk_begin of
// csrc/cuda/programmatic.cu). No bit of the result depends on it. Launches of the library stand in
// front of such a launch and are none themselves. Edges between streams, fills and copies stay full
// dependencies: a launch with one of them in front is an ordinary one.

// Programmatic says when launches overlap.
type Programmatic int

// The choices.
const (
	// Where the card can, Backend.Tune is set, and a step was measured to be faster so. Of several
	// cards, whose steps wait for each other, none is measured.
	Measured Programmatic = iota
	Always                // an error on a card that cannot
	Compared              // never, but Measure times a step both ways where the card can
	Never
)

// overlapping is a program's use of programmatic launches.
type overlapping struct {
	asked bool // the kernels are compiled for them
	taken bool // runners use them
	mode  Programmatic
}

func (o overlapping) measured() bool { return o.asked && o.mode == Measured }

// mayOverlap decides whether the kernels are compiled for programmatic launches.
func (p *program) mayOverlap() error {
	o := &p.overlap
	o.mode = p.backend.Programmatic
	able := p.card.Programmatic()
	switch o.mode {
	case Always:
		if able != nil {
			return fmt.Errorf("gpu: launches that overlap: %w", able)
		}
		o.asked, o.taken = true, true
	case Compared:
		o.asked = able == nil && p.backend.Group == nil
	case Measured:
		o.asked = able == nil && p.backend.Tune && p.backend.Group == nil
	}
	return nil
}

// overlap makes programmatic every launch of ours behind a kernel that is all it waits for.
func (r *runner) overlap() error {
	var front [allStreams]bool // the last work on a stream is a kernel
	for _, x := range r.items {
		if len(x.after) > 0 {
			front[x.stream] = false
		}
		for _, w := range x.work {
			if w.call != nil && front[x.stream] && !w.call.Launch().Cooperative {
				l := w.call.Launch()
				l.Programmatic = true
				if err := w.call.SetLaunch(l); err != nil {
					return err
				}
			}
			front[x.stream] = w.call != nil || w.plan != nil
		}
	}
	return nil
}

// overlapRounds is how often a step is timed both ways, alternating.
const overlapRounds = 7

// decideOverlap times a step both ways, unless the choices have the times, and takes the faster.
// The device memory has no meaning afterwards.
func (p *program) decideOverlap(c *choices) error {
	if c.Step == nil {
		t, err := p.timeOverlap(p.cfg.Batch, overlapRounds, true)
		if err != nil {
			return err
		}
		c.Step = t
	}
	if p.overlap.taken = c.Step.Overlap(); p.overlap.taken {
		p.say(fmt.Sprintf("launches overlap: by that a step takes %.0f us on this card in place of %.0f", us(c.Step.Programmatic), us(c.Step.Ordinary)))
	}
	return nil
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// timeOverlap is the time of a captured training step of n images both ways: medians of so many
// launches of either graph, alternating. Without images of a data set on the card the step lacks
// the two kernels that read them. A driver that refuses programmatic launches is reported.
func (p *program) timeOverlap(n, rounds int, noImages bool) (*StepTimes, error) {
	s := p.dev.streams[mainStream]
	var graphs [2]*cuda.GraphExec
	for i := range graphs {
		r, err := p.bindAll(training, n)
		if err != nil {
			return nil, err
		}
		defer r.close()
		if noImages {
			r.dropImages(p.list)
		}
		if i == 1 {
			err = r.overlap()
		}
		if err == nil {
			err = p.launch(r) // the first run loads code
		}
		if err == nil {
			graphs[i], err = captured(s, func() error { return p.launch(r) })
		}
		if err != nil && i == 1 {
			p.say(fmt.Sprintf("launches do not overlap, since the driver refuses it: %v", err))
			break
		}
		if err != nil {
			return nil, err
		}
		defer graphs[i].Close()
	}
	var times [2][]time.Duration
	for range rounds {
		for i, g := range graphs {
			if g == nil {
				times[i] = append(times[i], 0)
				continue
			}
			took, err := p.clocked(func() error { return g.Launch(s) })
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], took)
		}
	}
	for i := range times {
		slices.Sort(times[i])
	}
	return &StepTimes{Ordinary: times[0][rounds/2], Programmatic: times[1][rounds/2]}, nil
}

// dropImages takes away the launches that read the images or the labels of a data set.
func (r *runner) dropImages(l *List) {
	for i := range r.items {
		x := &r.items[i]
		if len(x.work) == 0 {
			continue
		}
		switch l.Ops[x.op].(type) {
		case *Augment, *Head:
			drop(x.work)
			x.work = nil
		}
	}
}

// inFront is the op in front of op i that it may overlap: the one before it on its stream, if it
// has no edge to another stream. -1: none.
func (l *List) inFront(i int) int {
	if len(l.Items[i].After) > 0 {
		return -1
	}
	for j := i - 1; j >= 0; j-- {
		if l.Items[j].Stream == l.Items[i].Stream {
			return j
		}
	}
	return -1
}
