package gpu

import (
	"errors"
	"fmt"
	"runtime"

	"shake/cudnn"
	"shake/internal/engine"
)

// A first start asks cuDNN for hundreds of engines, some of which the library compiles for seconds
// each. prepare has the library do so on all cores, for the plans that no cache has. The program
// then binds and times them one after the other on its own thread, as it would without.

// questions are those for plans that binding will ask, each once, as tasks for cudnn.Prepare.
type questions struct {
	p    *program
	seen map[string]bool
	all  []func(*cudnn.Handle)
}

// add adds a question of which key names everything, unless the cache has the answer.
func (q *questions) add(key string, kept func() bool, ask func(*cudnn.Handle)) {
	if q.seen[key] {
		return
	}
	q.seen[key] = true
	if !kept() {
		q.all = append(q.all, ask)
	}
}

// convolutions adds the questions of bindGroups for ops of a list. Weight gradients, which take
// longest, come first.
func (q *questions) convolutions(l *List) {
	for _, filters := range []bool{true, false} {
		for _, o := range l.Ops {
			c := l.convolution(o, l.Batch, q.p.precision)
			if c == nil || filters != (c.dir == cudnn.BackwardFilter) {
				continue
			}
			all := []*convolution{c}
			for _, piece := range slicesOf(o) {
				all = append(all, l.convolution(piece, l.Batch, q.p.precision))
			}
			q.add(c.key(), func() bool { return q.p.kept(all[0]) && (len(all) == 1 || !q.p.backend.Tune || q.p.kept(all[1])) },
				func(h *cudnn.Handle) { q.p.askGroups(h, all) })
		}
	}
}

// rival adds the questions of bindRival.
func (q *questions) rival(r *rival) {
	p := q.p
	for replica := range p.cfg.Replicas {
		lo, hi := engine.ReplicaRange(p.cfg.Batch, p.cfg.Replicas, replica)
		for _, g := range r.graphs {
			if hi == lo {
				continue
			}
			graph, options := g.make(hi-lo), planOptions(p.cfg.Deterministic)
			q.add(graphKey(graph), func() bool { kept, _ := p.dnn.Kept(graph, options...); return kept },
				func(h *cudnn.Handle) { closed(h.Plan(graph, options...)) })
		}
	}
}

// kept says whether the cache has a plan for c, a timed one if the program times engines.
func (p *program) kept(c *convolution) bool {
	for _, g := range c.graphs(p.cfg.Deterministic) {
		if kept, took := p.dnn.Kept(g, c.options(p.cfg.Deterministic)...); kept && (took > 0 || !p.backend.Tune) {
			return true
		}
	}
	return false
}

// graphs are the graphs one of which computes c.
func (c *convolution) graphs(deterministic bool) []*cudnn.Graph {
	x, y, z, options := c.t[0], c.t[1], c.t[2], c.options(deterministic)
	switch c.dir {
	case cudnn.Forward:
		return []*cudnn.Graph{cudnn.ConvForwardGraph(x, y, z, c.desc, options...)}
	case cudnn.BackwardData:
		return []*cudnn.Graph{cudnn.ConvBackwardDataGraph(x, y, z, c.desc, options...)}
	}
	narrow := z
	narrow.Type = x.Type
	return []*cudnn.Graph{
		cudnn.ConvBackwardFilterF32Graph(x, y, z, c.desc, options...), cudnn.ConvBackwardFilterGraph(x, y, z, c.desc, options...),
		cudnn.ConvBackwardFilterGraph(x, y, narrow, c.desc),
	}
}

// askGroups asks h for the plans of bindGroups: of a convolution and, where these count, of its
// slices, which are all alike.
func (p *program) askGroups(h *cudnn.Handle, all []*convolution) {
	err := p.ask(h, all[0])
	if len(all) > 1 && (p.backend.Tune || errors.Is(err, cudnn.ErrNotSupported)) {
		_ = p.ask(h, all[1])
	}
}

// ask asks h for the plans of choose.
func (p *program) ask(h *cudnn.Handle, c *convolution) error {
	options := c.options(p.cfg.Deterministic)
	plan, err := c.plan(h, c.t[0], c.t[1], c.t[2], c.desc, options...)
	if err != nil {
		return err
	}
	took := plan.Time()
	if err := plan.Close(); err != nil || took > 0 || !p.backend.Tune {
		return err
	}
	plans, err := c.plans(h, c.t[0], c.t[1], c.t[2], c.desc, append(options, cudnn.Candidates(candidates))...)
	for _, x := range plans {
		x.Close()
	}
	return err
}

// closed closes a plan that was made. Binding reports the error.
func closed(plan *cudnn.Plan, err error) {
	if err == nil {
		plan.Close()
	}
}

// prepare asks all questions on all cores.
func (p *program) prepare(q *questions) error {
	if len(q.all) == 0 {
		return p.stopped()
	}
	err := p.dnn.Prepare(cudnn.Preparation{
		Tasks: q.all, Workers: runtime.GOMAXPROCS(0), Stop: func() bool { return p.stopped() != nil },
		Done: p.counter("cuDNN's engines are prepared for %d of %d operations", len(q.all)),
	})
	if errors.Is(err, cudnn.ErrStopped) {
		return p.stopped()
	}
	if err != nil {
		p.say(fmt.Sprintf("cuDNN's engines are prepared one after the other: %v", err))
	}
	return nil
}

// questions are those of a program: its convolutions, and the rivals that may be taken.
func (p *program) questions() *questions {
	q := &questions{p: p, seen: map[string]bool{}}
	q.convolutions(p.list)
	for _, r := range p.rivals {
		if p.chosen == nil || !p.chosen.found || p.chosen.takes(r) {
			q.rival(r)
		}
	}
	return q
}

// stopped is engine.ErrAbandoned once the backend is asked to stop, and ErrLost once a rank of its
// group is gone. Any thread may ask.
func (p *program) stopped() error {
	if p.backend.Stop != nil && p.backend.Stop() {
		return engine.ErrAbandoned
	}
	if g := p.backend.Group; g != nil {
		select {
		case <-g.Lost:
			return ErrLost
		default:
		}
	}
	return nil
}
