package gpu

import (
	"errors"
	"fmt"
	"time"

	"shake/cudnn"
	"shake/internal/engine"
	"shake/internal/engine/gpu/predict"
)

// Times are the times of the launches of a training step on a card, each on its own.
type Times struct {
	List *List
	Ops  []time.Duration // by List.Ops; equal launches on tensors of the same shape are timed once
	Like []int           // by List.Ops: the first equal op
	// of cooperative launches that may replace some of these, if the program may take any
	Together []Together
	Step     time.Duration // the whole step as one graph, as it runs
	// Ways is the step as one graph without overlap of launches and with; nil: the card or the driver
	// cannot, or the program does not ask (Backend.Programmatic).
	Ways *StepTimes
	Copy float64 // bytes a second that a copy on the card reads and writes, both counted
	Card string  // the driver's name of the card
	// Product is the multiply-adds, each as two, a second of the product that ProductName calls, large
	// enough for the whole card; 0 on a card without room for it.
	Product     float64
	ProductName string
	// Graph is the times inside the captured step; nil: Unseen says why they are not known.
	Graph  *InGraph
	Unseen error
}

// Together is the time of a cooperative launch in place of ops At .. At+Count-1.
type Together struct {
	At, Count int
	Took      time.Duration
	Taken     bool // the step runs it
	Launch    predict.Launch
}

// Measure times every launch of p's training step by the card's events, as repeats of it in a
// captured graph, and the step as a whole. p is a program of this package that has images and has
// taken a step, so that the kernels read finite numbers. Its trained state is lost. Where cuDNN
// replaces several launches by one (Backend.Tune), the launches are still timed as they stand in
// the list, and the step as it runs; cooperative launches are timed beside them. quick runs
// everything once, for a card whose times have no meaning. Of several cards, each of which would
// have to take part, only the copy and the product are timed.
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
		if p.group != nil {
			t.Unseen = errors.New("kernels inside the graphs of several cards are not recorded")
			return p.peaks(t, repeats, launches)
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
		if err := p.measureTogether(t, repeats, launches); err != nil {
			return err
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
		return p.peaks(t, repeats, launches)
	})
}

// measureTogether times the cooperative launches that this card can do. Equal ones are timed once.
func (p *program) measureTogether(t *Times, repeats, launches int) error {
	n, known := p.cfg.Batch, map[string]time.Duration{}
	for _, r := range p.rivals {
		if !r.cooperative {
			continue
		}
		x := Together{At: r.at, Count: r.count, Taken: p.taken[r.at] == r, Launch: p.list.atOnce(stretch{r.at, r.count}, r.after[0].Kernel, nil)}
		took, ok := known[r.key(n)]
		if !ok {
			w, err := p.bindRival(r, n)
			if errors.Is(err, cudnn.ErrNotSupported) {
				continue
			}
			if err != nil {
				return err
			}
			took, err = p.alone(w, repeats, launches)
			drop(w)
			if err != nil {
				return fmt.Errorf("gpu: timing %s: %w", r, err)
			}
			known[r.key(n)] = took
		}
		x.Took = took
		t.Together = append(t.Together, x)
	}
	return nil
}
