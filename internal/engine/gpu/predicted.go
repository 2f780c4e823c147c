package gpu

import (
	"slices"
	"strings"

	kernels "shake/csrc/cuda"
	"shake/internal/engine"
	"shake/internal/engine/gpu/predict"
)

// Predict is the expected time of a step of the list on a described card, with a cooperative launch
// in place of every run of ops where the model finds that the whole step is faster so. used is as
// in Launches.
func (l *List) Predict(card predict.Card, c engine.Config, used func(*kernels.Kernel) *Used) (*predict.Step, error) {
	alone, err := l.Launches(c, used)
	if err != nil {
		return nil, err
	}
	best := predict.Predict(card, alone)
	var taken, left []*rival
	for _, s := range l.stretches {
		r, err := l.cooperativeBackward(s, chip{card.SMs, card.Shared})
		if err != nil {
			return nil, err
		}
		if r != nil {
			l.together(r)
			left = append(left, r)
		}
	}
	for more := true; more; { // a launch may gain by another one that was taken after it
		more = false
		for _, r := range slices.Clone(left) {
			with := append(slices.Clip(taken), r)
			if step := predict.Predict(card, l.joined(alone, with, used)); step.Time < best.Time {
				best, taken, more = step, with, true
				left = slices.DeleteFunc(left, func(x *rival) bool { return x == r })
			}
		}
	}
	return best, nil
}

// joined are the launches of all ops, given those of each alone, with rivals in place of some.
func (l *List) joined(alone []predict.Launch, taken []*rival, used func(*kernels.Kernel) *Used) []predict.Launch {
	var out []predict.Launch
	var groups []group
	for i := 0; i < len(l.Ops); {
		g, p := group{stretch: stretch{i, 1}, stream: l.Items[i].Stream}, alone[i]
		if k := slices.IndexFunc(taken, func(r *rival) bool { return r.at == i }); k >= 0 {
			r := taken[k]
			g = group{stretch{r.at, r.count}, r.stream, r.cooperative}
			p = l.atOnce(g.stretch, r.after[0].Kernel, used)
		}
		out, groups = append(out, p), append(groups, g)
		i = g.end()
	}
	front := map[int]*predict.Launch{} // the last launch of each stream
	for g, it := range l.edges(groups) {
		p, before := &out[g], front[it.Stream]
		p.Stream, p.After = it.Stream, it.After
		p.Overlaps = p.Kernel != nil && !groups[g].cooperative && len(it.After) == 0 && before != nil && before.Kernel != nil
		front[it.Stream] = p
	}
	return out
}

// atOnce is the cooperative launch of a run: it reads and writes each of its tensors once, and none
// that it has itself written.
func (l *List) atOnce(s stretch, k *kernels.Kernel, used func(*kernels.Kernel) *Used) predict.Launch {
	p := predict.Launch{Op: "gradnorm", Again: float64(k.Again()), Kernel: described(k, l.Batch, used)}
	var reads, writes []Part
	written := map[BufID]bool{}
	var texts []string
	for _, o := range l.Ops[s.at:s.end()] {
		t := l.traffic(o)
		for _, x := range t.reads {
			if !written[x.Buf] {
				reads = append(reads, x)
			}
		}
		for _, x := range t.writes {
			writes = append(writes, x)
			written[x.Buf] = true
		}
		_, text, _ := strings.Cut(l.op(o), "\t")
		texts = append(texts, text)
	}
	p.Reads, p.Writes, p.Text = l.spans(reads), l.spans(writes), strings.Join(texts, "; ")
	return p
}
