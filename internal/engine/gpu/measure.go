package gpu

import (
	"errors"
	"fmt"
	"time"

	"shake/cudnn/cuda"
	"shake/internal/engine"
)

// Times are the times of the launches of a training step on a card, each on its own.
type Times struct {
	List *List
	Ops  []time.Duration // by List.Ops; equal launches on tensors of the same shape are timed once
	Like []int           // by List.Ops: the first equal op
	Step time.Duration   // the whole step as one graph, as it runs
	// Ways is the step as one graph without overlap of launches and with; nil: the card or the driver
	// cannot, or the program does not ask (Backend.Programmatic).
	Ways *StepTimes
	Copy float64 // bytes a second that a copy on the card reads and writes, both counted
	Card string  // the driver's name of the card
	// Graph is the times inside the captured step; nil: Unseen says why they are not known.
	Graph  *InGraph
	Unseen error
}

// Measure times every launch of p's training step by the card's events, as repeats of it in a
// captured graph, and the step as a whole. p is a program of this package that has images and has
// taken a step, so that the kernels read finite numbers. Its trained state is lost. Where cuDNN
// replaces several launches by one (Backend.Tune), the launches are still timed as they stand in
// the list, and the step as it runs. quick runs everything once, for a card whose times have no
// meaning. Of several cards, each of which would have to take part, only the copy is timed.
func Measure(prog engine.Program, quick bool) (*Times, error) {
	p, ok := prog.(*program)
	if !ok {
		return nil, errors.New("gpu: Measure wants a program that runs on a card")
	}
	repeats, launches := 20, 7
	if quick {
		repeats, launches = 1, 1
	}
	t := &Times{List: p.list, Card: p.card.Name()}
	return t, p.do(func() error {
		var err error
		if p.group != nil {
			t.Copy, err = p.copyRate(repeats, launches)
			t.Unseen = errors.New("kernels inside the graphs of several cards are not recorded")
			return err
		}
		n := p.cfg.Batch
		first := map[string]int{}
		for i, o := range p.list.Ops {
			key := p.opKey(i, n)
			if j, ok := first[key]; ok {
				t.Ops, t.Like = append(t.Ops, t.Ops[j]), append(t.Like, j)
				continue
			}
			first[key] = i
			w, err := p.bind(training, i, n)
			if err != nil {
				return err
			}
			took, err := p.alone(w, repeats, launches)
			drop(w)
			if err != nil {
				return fmt.Errorf("gpu: timing %s: %w", p.list.op(o), err)
			}
			t.Ops, t.Like = append(t.Ops, took), append(t.Like, i)
		}
		r, err := p.runner(training, n)
		if err != nil {
			return err
		}
		if t.Step, err = p.repeated(1, launches, func() error { return p.launch(r) }); err != nil {
			return err
		}
		if p.overlap.asked {
			if t.Ways, err = p.timeOverlap(n, launches, false); err != nil {
				return err
			}
		}
		t.Graph, t.Unseen = p.inGraph(r)
		t.Copy, err = p.copyRate(repeats, launches)
		return err
	})
}

// copyBytes is the size of the copied array: more than any card's L2.
const copyBytes = 256 << 20

// copyRate measures the card's memory by copies. On an emulated card, which is quick to be asked
// once, the array is small.
func (p *program) copyRate(repeats, launches int) (float64, error) {
	n := int64(copyBytes)
	if repeats == 1 {
		n = 1 << 20
	}
	m, err := p.dev.ctx.Alloc(2 * n)
	if err != nil {
		return 0, nil // a full card has no figure
	}
	defer m.Close()
	took, err := p.repeated(repeats, launches, func() error {
		return p.dev.streams[mainStream].CopyDevice(m.Ptr()+cuda.Ptr(n), m.Ptr(), n)
	})
	return 2 * float64(n) / took.Seconds(), err
}
