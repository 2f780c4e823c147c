package gpu

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"shake/cudnn"
	"shake/internal/engine"
)

// bindRival binds a rival for a batch of n. The error is cudnn.ErrNotSupported (errors.Is) where
// cuDNN has no engine for it.
func (p *program) bindRival(r *rival, n int) ([]work, error) {
	var out []work
	for replica := range p.cfg.Replicas {
		lo, hi := engine.ReplicaRange(n, p.cfg.Replicas, replica)
		if hi == lo {
			continue
		}
		for _, g := range r.graphs {
			graph := g.make(hi - lo)
			plan, err := p.planOf(graphKey(graph), func() (*cudnn.Plan, error) { return p.dnn.Plan(graph, planOptions(p.cfg.Deterministic)...) })
			if err != nil {
				drop(out)
				return nil, fmt.Errorf("gpu: %s for %d images: %w", r, n, err)
			}
			w := work{plan: plan}
			for _, b := range g.bound {
				w.ptrs = append(w.ptrs, p.dev.place(p.list, b, replica, lo))
			}
			out = append(out, w)
		}
	}
	for _, k := range r.bound {
		call, err := p.bindKernel(p.list, k, n)
		if err != nil {
			drop(out)
			return nil, fmt.Errorf("gpu: %s: %w", r, err)
		}
		out = append(out, work{call: call})
	}
	return out, nil
}

// graphKey names everything that decides about a rival's plan. Within a program these are the name
// of the graph, its nodes and its tensors.
func graphKey(g *cudnn.Graph) string {
	s := g.Name
	for _, n := range g.Nodes {
		s += fmt.Sprintf(" %T%+v", n, n)
	}
	for _, t := range g.Tensors {
		s += fmt.Sprintf(" %s %d %v %v", t.Name, t.Role, t.Strides, t.TensorDesc)
	}
	return s
}

// findRivals lists the rivals that the backend asks for. (The binding refuses a deterministic
// ConvStats: its sums may be atomic additions, and the library does not say.)
func (p *program) findRivals() error {
	kinds := p.backend.Rivals
	switch {
	case kinds != nil:
	case !p.backend.Tune:
		kinds = p.backend.Measured
	default:
		kinds = []string{ConvStats, BatchNorm, BatchNormBackward, OwnFilter, OwnConv, CooperativeBackward}
	}
	if len(kinds) == 0 {
		return nil
	}
	card, err := p.chip()
	if err != nil {
		return err
	}
	all, err := p.list.rivals(p.precision, card)
	major, _ := p.card.ComputeCapability()
	p.rivals = slices.DeleteFunc(all, func(r *rival) bool {
		return !slices.Contains(kinds, r.kind) || (r.kind == OwnFilter || r.kind == OwnConv) && major < tensorMajor || r.cooperative && p.group != nil
	})
	p.list.reserve(p.rivals)
	return err
}

// decide fills p.taken, by op, with nil where no rival is taken. Kinds listed in Backend.Rivals are
// taken wherever cuDNN supports them. All others are taken where they were faster on this card, now
// or by the kept choices, and so are launches that overlap. decide runs the candidates, so the
// device memory has no meaning afterwards.
func (p *program) decide() error {
	p.taken = make([]*rival, len(p.list.Ops))
	switch {
	case p.backend.Rivals != nil:
		for _, r := range p.rivals {
			if p.overlaps(r) {
				continue
			}
			w, err := p.bindRival(r, p.cfg.Batch)
			drop(w)
			if err == nil {
				p.taken[r.at] = r
			} else if !errors.Is(err, cudnn.ErrNotSupported) {
				return err
			}
		}
	case p.chosen != nil:
		c := p.chosen
		if !c.found {
			if err := p.time(c); err != nil {
				return err
			}
		}
		taken, all := map[string]int{}, map[string]int{}
		for _, r := range p.rivals {
			all[r.kind]++
			if c.takes(r) {
				p.taken[r.at] = r
				taken[r.kind]++
			}
		}
		for _, kind := range slices.Sorted(maps.Keys(taken)) {
			p.say(fmt.Sprintf("%s is faster on this card in %d places of %d, and taken there", kind, taken[kind], all[kind]))
		}
		if p.overlap.measured() {
			if err := p.decideOverlap(c); err != nil {
				return err
			}
		}
		if !c.found {
			c.store()
		}
	}
	return nil
}

// overlaps says whether a taken rival replaces an op that r replaces too.
func (p *program) overlaps(r *rival) bool {
	for i, t := range p.taken {
		if t != nil && i < r.at+r.count && r.at < i+t.count {
			return true
		}
	}
	return false
}

// way is work that is timed as a part of a graph: an op's, or a rival's in place of several.
type way struct {
	bind func() ([]work, error)
	took time.Duration
	none bool // cuDNN has no engine for the rival
}

// timeWay measures w.
func (p *program) timeWay(w *way) error {
	if err := p.stopped(); err != nil {
		return err
	}
	ws, err := w.bind()
	if err != nil {
		return err
	}
	defer drop(ws)
	w.took, err = p.measure(ws)
	return err
}

// time measures every op that has a rival, and every rival, as parts of a graph, and finds the
// fastest way through the step. Ways of equal keys are one.
func (p *program) time(c *choices) error {
	n, ways := p.cfg.Batch, map[string]*way{}
	var order []*way
	known := func(key string, bind func() ([]work, error)) *way {
		w := ways[key]
		if w == nil {
			w = &way{bind: bind}
			ways[key], order = w, append(order, w)
		}
		return w
	}
	ops, rivals := make([]*way, len(p.list.Ops)), make([]*way, len(p.rivals))
	for k, r := range p.rivals {
		for i := r.at; i < r.at+r.count; i++ {
			ops[i] = known(p.opKey(i, n), func() ([]work, error) { return p.bind(training, i, n) })
		}
		rivals[k] = known(r.key(n), func() ([]work, error) { return p.bindRival(r, n) })
	}
	one := p.counter("%d of %d ways through the step are timed", len(order))
	for _, w := range order {
		err := p.timeWay(w)
		w.none = slices.Contains(rivals, w) && errors.Is(err, cudnn.ErrNotSupported)
		if err != nil && !w.none {
			return err
		}
		one()
	}
	own, took := make([]time.Duration, len(ops)), map[*rival]time.Duration{}
	for i, w := range ops {
		if w != nil {
			own[i] = w.took
		}
	}
	for k, r := range p.rivals {
		if !rivals[k].none {
			took[r] = rivals[k].took
		}
	}
	for _, r := range fastest(own, p.rivals, took) {
		beside := time.Duration(0)
		for i := r.at; i < r.at+r.count; i++ {
			beside += own[i]
		}
		c.take(r, took[r], beside)
	}
	return nil
}

// fastest picks the rivals on the shortest way through the ops. A rival without a time is
// unsupported.
func fastest(own []time.Duration, rivals []*rival, took map[*rival]time.Duration) []*rival {
	best := make([]time.Duration, len(own)+1)
	by := make([]*rival, len(own))
	for i := len(own) - 1; i >= 0; i-- {
		best[i] = own[i] + best[i+1]
		for _, r := range rivals {
			if t, ok := took[r]; ok && r.at == i && t+best[i+r.count] < best[i] {
				best[i], by[i] = t+best[i+r.count], r
			}
		}
	}
	var out []*rival
	for i := 0; i < len(own); {
		if by[i] == nil {
			i++
			continue
		}
		out = append(out, by[i])
		i += by[i].count
	}
	return out
}

// opKey names everything that decides about the time of op i.
func (p *program) opKey(i, n int) string {
	if c := p.list.convolution(p.list.Ops[i], n, p.precision); c != nil {
		return c.key()
	}
	if c, ok := p.list.Ops[i].(*Clear); ok {
		return fmt.Sprint("clear ", p.list.Plan.Buffers[c.Y].Size)
	}
	return p.kernels[training][i].Kernel.Text
}

// key names everything that decides about the time of r for a batch of n.
func (r *rival) key(n int) string {
	s := fmt.Sprint(r.kind, n)
	for _, g := range r.graphs {
		s += graphKey(g.make(n))
	}
	for _, k := range r.after {
		s += k.Kernel.Text
	}
	return s
}
