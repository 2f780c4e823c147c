package gpu

import (
	"errors"
	"slices"
	"time"

	"shake/cudnn/cuda"
)

// timed is how often a way through the step is run to be timed: so many repeats a graph, and so
// many launches of the graph.
var timed = struct{ repeats, launches int }{8, 7}

// measure is the time of ws as part of a graph: the median of several launches of a graph that
// repeats them.
func (p *program) measure(ws []work) (time.Duration, error) {
	return p.alone(ws, timed.repeats, timed.launches)
}

// alone is repeated of ws on the main stream.
func (p *program) alone(ws []work, repeats, launches int) (time.Duration, error) {
	if err := p.giveWorkspace(mainStream, pointers(ws)); err != nil {
		return 0, err
	}
	return p.repeated(repeats, launches, func() error {
		for i := range ws {
			if err := ws[i].run(p.dev.streams[mainStream]); err != nil {
				return err
			}
		}
		return nil
	})
}

// longRun is the time of a run from which on three launches of it alone measure it well enough. No
// single op of a real card takes as long.
const longRun = 20 * time.Millisecond

// repeated is the median of so many launches of a graph that repeats run so many times, or fewer
// where a run takes longRun. run begins and ends on the main stream.
func (p *program) repeated(repeats, launches int, run func() error) (time.Duration, error) {
	if err := run(); err != nil { // the first run loads code
		return 0, err
	}
	once, err := p.clocked(run)
	if err != nil {
		return 0, err
	}
	if once > longRun {
		repeats, launches = 1, min(launches, 3)
	}
	s := p.dev.streams[mainStream]
	g, err := captured(s, func() error {
		for range repeats {
			if err := run(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	defer g.Close()
	times := make([]time.Duration, launches)
	for i := range times {
		if times[i], err = p.clocked(func() error { return g.Launch(s) }); err != nil {
			return 0, err
		}
	}
	slices.Sort(times)
	return times[launches/2] / time.Duration(repeats), nil
}

// wait waits for work that is timed. The others of the group see that the card computes.
func (p *program) wait(e *cuda.Event) error {
	defer p.backend.Group.did()
	return p.backend.Group.compute(e.Synchronize)
}

// clocked is the time that work on the main stream takes on the card.
func (p *program) clocked(run func() error) (time.Duration, error) {
	s := p.dev.streams[mainStream]
	var marks [2]*cuda.Event
	for i := range marks {
		var err error
		if marks[i], err = p.dev.ctx.NewEvent(true); err != nil {
			return 0, err
		}
		defer marks[i].Close()
	}
	if err := errors.Join(marks[0].Record(s), run(), marks[1].Record(s), p.wait(marks[1])); err != nil {
		return 0, err
	}
	return marks[1].Since(marks[0])
}
