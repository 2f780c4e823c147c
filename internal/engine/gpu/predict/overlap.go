package predict

// Launches on one stream run one after the other, and a launch waits for those of other streams
// that it names. A launch first costs a fixed time, in which the card is free for others: the gap,
// the ramp, the last block of a reduction. Then it works. Its work takes parts of three resources:
// the multiprocessors, the memory and the L2. Launches at work at the same time all slow down
// alike, until no resource is used more than whole. The work of two convolutions thus takes the sum
// of their times.

// demand is the parts of the resources that a launch at work takes, alone: multiprocessors, memory,
// L2.
type demand [3]float64

// phases are the fixed time and the work of a launch.
type phases struct {
	fixed, work float64
	takes       demand
}

func (c *Cost) phases(card Card) phases {
	p := phases{fixed: c.fixed(card), work: c.work(card)}
	if p.work == 0 {
		return p
	}
	p.takes = demand{card.Busy, (c.Memory + 2*c.Packed) / card.Memory / p.work, c.Bytes / card.Cache / p.work}
	if _, conv := directions[c.Op]; conv {
		p.takes[0], p.takes[2] = 1, c.Hit/card.Cache/p.work
	}
	return p
}

// flight is a launch under way: the rest of its phases.
type flight struct {
	i           int
	fixed, work float64
}

// schedule runs the launches on the card, fills their Start, and returns the end of the last one.
func schedule(card Card, costs []Cost) (now float64) {
	all := make([]phases, len(costs))
	var queues [][]int // by stream, in order
	for i := range costs {
		all[i] = costs[i].phases(card)
		for len(queues) <= costs[i].Stream {
			queues = append(queues, nil)
		}
		queues[costs[i].Stream] = append(queues[costs[i].Stream], i)
	}
	done, active := make([]bool, len(costs)), make([]*flight, len(queues))
	free := func(i int) bool {
		for _, j := range costs[i].After {
			if !done[j] {
				return false
			}
		}
		return true
	}
	for {
		busy := false
		for s, q := range queues {
			if active[s] == nil && len(q) > 0 && free(q[0]) {
				i := q[0]
				queues[s], costs[i].Start = q[1:], now
				active[s] = &flight{i, all[i].fixed, all[i].work}
			}
			busy = busy || active[s] != nil
		}
		if !busy {
			return now
		}
		now += advance(active, all, done)
	}
}

// advance lets the launches under way run until the first of them ends a phase, and returns the
// time that this takes.
func advance(active []*flight, all []phases, done []bool) float64 {
	var used demand
	for _, f := range active {
		if f != nil && f.fixed == 0 {
			for r, part := range all[f.i].takes {
				used[r] += part
			}
		}
	}
	rate := 1 / max(1, used[0], used[1], used[2])
	step := -1.0
	for _, f := range active {
		if f == nil {
			continue
		}
		t := f.fixed
		if t == 0 {
			t = f.work / rate
		}
		if step < 0 || t < step {
			step = t
		}
	}
	for s, f := range active {
		switch {
		case f == nil:
		case f.fixed > step:
			f.fixed -= step
		case f.fixed > 0:
			f.fixed = 0
		default:
			f.work -= step * rate
		}
		if f != nil && f.fixed == 0 && f.work <= 1e-15 {
			done[f.i], active[s] = true, nil
		}
	}
	return step
}
