package gpu

import (
	"slices"

	"shake/internal/engine"
)

// stretch is neighbouring ops of a list that one cooperative launch may replace (cooperative.go):
// at .. at+count-1. Memory is laid out as if they ran all at once.
type stretch struct{ at, count int }

func (s stretch) end() int { return s.at + s.count }

// gather moves ops so that the sums over gradients stand next to the gradients in front of the
// norms that they belong to: a GradConcat (dy) goes directly behind the op that completes its
// gradient, and sums that only read go directly in front of the last sums that a dy waits for. No
// op moves over one that it meets, and no sums over an op of their own stream.
func (l *lowering) gather() {
	touched := make([][]touch, len(l.Ops))
	for i, o := range l.Ops {
		touched[i] = l.touches(o)
	}
	move := func(from, to int) {
		o, it, t := l.Ops[from], l.Items[from], touched[from]
		l.Ops = slices.Insert(slices.Delete(l.Ops, from, from+1), to, o)
		l.Items = slices.Insert(slices.Delete(l.Items, from, from+1), to, it)
		touched = slices.Insert(slices.Delete(touched, from, from+1), to, t)
	}
	for k := range l.Ops {
		dy, ok := l.Ops[k].(*GradConcat)
		if !ok {
			continue
		}
		j := k - 1
		for j >= 0 && !meet(touched[k], touched[j]) {
			j--
		}
		if j < 0 || !takes(l.Ops[j], dy) {
			continue
		}
		to := j + 1
		for to < k && isConcat(l.Ops[to]) {
			to++
		}
		move(k, to)
	}
	for k := range l.Ops {
		dy, ok := l.Ops[k].(*GradConcat)
		if !ok || k == 0 || !takes(l.Ops[k-1], dy) {
			continue
		}
		for i := k - 2; i >= 0; i-- {
			s, ok := l.Ops[i].(*GradSum)
			if !ok || s.Write || !takes(s, dy) {
				continue
			}
			free := true
			for j := i + 1; j < k-1; j++ {
				free = free && l.Items[j].Stream != l.Items[i].Stream && !meet(touched[i], touched[j])
			}
			if free {
				move(i, k-2)
			}
		}
	}
}

func isConcat(o Op) bool {
	_, ok := o.(*GradConcat)
	return ok
}

// takes says whether o takes the sums of a gradient that dy stores.
func takes(o Op, dy *GradConcat) bool {
	s, ok := o.(*GradSum)
	return ok && slices.ContainsFunc(s.Sums, func(x engine.SumsOf) bool { return slices.Contains(dy.Terms, x.Of) })
}

// findStretches finds the runs of sums and the gradients in front of their norms. A run's sums do
// not wait for each other, and each of its gradients needs some of them.
func (l *lowering) findStretches() {
	for i := 0; i < len(l.Ops); {
		sums := i
		for sums < len(l.Ops) && l.apart(i, sums) {
			sums++
		}
		end := sums
		for end < len(l.Ops) && isConcat(l.Ops[end]) && slices.ContainsFunc(l.Ops[i:sums], func(o Op) bool { return takes(o, l.Ops[end].(*GradConcat)) }) {
			end++
		}
		if end > sums && sums > i {
			// Earlier sums than the gradients need are none of the run.
			for !slices.ContainsFunc(l.Ops[sums:end], func(o Op) bool { return takes(l.Ops[i], o.(*GradConcat)) }) {
				i++
			}
			l.stretches = append(l.stretches, stretch{i, end - i})
			i = end
		} else {
			i++
		}
	}
}

// apart says whether op i is of sums, which do not meet those of ops from .. i-1.
func (l *lowering) apart(from, i int) bool {
	if s, ok := l.Ops[i].(*GradSum); !ok || len(s.Sums) == 0 {
		return false
	}
	for j := from; j < i; j++ {
		if meet(l.touches(l.Ops[i]), l.touches(l.Ops[j])) {
			return false
		}
	}
	return true
}
