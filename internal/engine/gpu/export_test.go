package gpu

import (
	"errors"
	"testing"
	"time"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
	"shake/internal/engine"
	"shake/internal/graph"
)

// SetProgress makes programs report the progress of a first start so often, for the rest of a test.
func SetProgress(t *testing.T, every time.Duration) {
	before := progressEvery
	progressEvery = every
	t.Cleanup(func() { progressEvery = before })
}

// TimeOnce makes programs run every way through the step once to time it, for the rest of a test on
// a card whose times mean nothing.
func TimeOnce(t *testing.T) {
	before := timed
	timed.repeats, timed.launches = 1, 1
	t.Cleanup(func() { timed = before })
}

// SetBucket makes programs update so many parameters at a time, for the rest of a test. It returns
// the number of updates in a program's step.
func SetBucket(t *testing.T, n int) func(engine.Program) int {
	before := fewest
	fewest = n
	t.Cleanup(func() { fewest = before })
	return func(p engine.Program) (n int) {
		for _, o := range p.(*program).list.Ops {
			if _, ok := o.(*SGD); ok {
				n++
			}
		}
		return n
	}
}

// Taken counts by kind the rivals of a program that are taken, and all rivals.
func Taken(p engine.Program) (taken, all map[string]int) {
	taken, all = map[string]int{}, map[string]int{}
	for _, r := range p.(*program).taken {
		if r != nil {
			taken[r.kind]++
		}
	}
	for _, r := range p.(*program).rivals {
		all[r.kind]++
	}
	return taken, all
}

// LastAt is the first op of the last rival of a kind.
func LastAt(p engine.Program, kind string) int {
	at := -1
	for _, r := range p.(*program).rivals {
		if r.kind == kind {
			at = r.at
		}
	}
	return at
}

// Overlapping says whether a program's launches may overlap, and counts the ones in a training step
// that may begin before the launch in front has ended.
func Overlapping(prog engine.Program) (taken bool, launches int, err error) {
	p := prog.(*program)
	err = p.do(func() error {
		r, err := p.runner(training, p.all.Batch)
		if err != nil {
			return err
		}
		for _, x := range r.items {
			for _, w := range x.work {
				if w.call.Launch().Programmatic {
					launches++
				}
			}
		}
		return nil
	})
	return p.overlap.taken, launches, err
}

// Plans lists the engines of a program's plans, and counts the timed ones.
func Plans(p engine.Program) (engines []string, timed int) {
	for _, plan := range p.(*program).plans {
		engines = append(engines, plan.Engine())
		if plan.Time() > 0 {
			timed++
		}
	}
	return engines, timed
}

// Unordered takes all edges between streams away from a program.
func Unordered(prog engine.Program) error {
	p := prog.(*program)
	for i := range p.list.before {
		p.list.before[i] = newBits(len(p.list.Ops))
	}
	return p.do(func() error { p.dropRunners(); return nil })
}

// LowerShare is Lower for one card of several; n and replicas are its own.
func LowerShare(g *graph.Graph, t kernels.Type, n, replicas int, r Recipe, s Several) (*List, error) {
	return lower(g, t, n, replicas, r, &s)
}

// Peaks are the rates that a program's card reaches, each asked for once.
func Peaks(p engine.Program) (t Times, err error) {
	g := p.(*program)
	err = g.do(func() error { return g.peaks(&t, 1, 1) })
	return t, err
}

// Scattered is device memory that scatter has filled.
func Scattered(p engine.Program, bytes int64) (b []byte, err error) {
	g := p.(*program)
	return b, g.do(func() error {
		m, err := g.dev.ctx.Alloc(bytes)
		if err != nil {
			return err
		}
		defer m.Close()
		s := g.dev.streams[mainStream]
		b = make([]byte, bytes)
		return errors.Join(g.scatter(m.Ptr(), bytes), s.CopyToHost(b, m.Ptr()), s.Synchronize())
	})
}

// SetEvalSizes makes programs choose the batch of evaluations from these, for the rest of a test;
// none: it is that of a step.
func SetEvalSizes(t *testing.T, sizes ...int) {
	before := evalSizes
	evalSizes = sizes
	t.Cleanup(func() { evalSizes = before })
}

// EvalBatch is the batch of a program's evaluations, of all cards.
func EvalBatch(p engine.Program) int { return p.(*program).list.Eval.all() }

// Borrows says whether a full batch of a program's evaluation works in memory of the arena.
func Borrows(p engine.Program) (is bool) {
	x := p.(*program)
	for _, item := range x.runners[purpose{evaluation, x.list.Eval.all()}].items {
		for _, w := range item.work {
			is = is || w.plan != nil && w.workspace >= x.dev.arena && w.workspace < x.dev.arena+cuda.Ptr(x.list.Arena)
		}
	}
	return is
}

// SetRoom makes a program believe that its card runs so many blocks of a cooperative launch at a
// time.
func SetRoom(p engine.Program, blocks int) {
	for _, r := range p.(*program).rivals {
		for _, k := range r.bound {
			k.room = blocks
		}
	}
}

// Items is the number of items of a training step of a full batch.
func Items(prog engine.Program) (n int) {
	p := prog.(*program)
	for _, x := range p.runners[purpose{training, p.all.Batch}].items {
		if x.work != nil {
			n++
		}
	}
	return n
}
