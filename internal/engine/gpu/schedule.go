package gpu

import (
	"slices"
)

// A card runs the ops of a list on several streams. Those of one stream run in the order of the
// list. Two ops on different streams run in any order, or at once, unless an edge, or a path of
// edges, lies between them. Every two ops that touch the same bytes, one of them writing, are
// ordered so.
const (
	mainStream   = iota // from the images to the loss, and from there to the first gradient
	sideStream          // work that that way does not wait for: gradients of weights, totals
	branchStream        // every second branch of a block, beside the others on the main stream
	streams             // the number of streams with launches

	cardsStream = streams // sums over several cards
	allStreams  = streams + 1
)

// Item is the place of an op in the schedule.
type Item struct {
	Stream int
	After  []int // earlier ops on other streams that it waits for; no other path leads from them
}

// lead is the most ops of another stream that the main stream runs ahead of. Their operands stay in
// memory, and a large lead finds nothing of them in the L2.
const lead = 4

// bits is a set of small numbers.
type bits []uint64

func newBits(n int) bits      { return make(bits, (n+63)/64) }
func (b bits) set(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bits) clear(i int)    { b[i/64] &^= 1 << (i % 64) }
func (b bits) has(i int) bool { return b[i/64]>>(i%64)&1 != 0 }
func (b bits) within(c bits) bool {
	return !slices.ContainsFunc(b.minus(c), func(w uint64) bool { return w != 0 })
}
func (b bits) or(c bits) {
	for i := range c {
		b[i] |= c[i]
	}
}
func (b bits) and(c bits) {
	for i := range c {
		b[i] &= c[i]
	}
}
func (b bits) minus(c bits) bits {
	d := slices.Clone(b)
	for i := range c {
		d[i] &^= c[i]
	}
	return d
}

// connect gives every one of n items the fewest edges that order it behind each earlier item that
// it must follow. It returns the items and, for each, all that are ordered before it.
func connect(n int, stream func(i int) int, follows func(i, earlier int) bool) (items []Item, before []bits) {
	last := map[int]int{}
	for i := range n {
		it, b := Item{Stream: stream(i)}, newBits(n)
		if p, ok := last[it.Stream]; ok {
			b.or(before[p])
			b.set(p)
		}
		for j := i - 1; j >= 0; j-- { // the nearest first: it may lead to those farther off
			if !b.has(j) && follows(i, j) {
				it.After = append(it.After, j)
				b.or(before[j])
				b.set(j)
			}
		}
		slices.Reverse(it.After)
		items, before, last[it.Stream] = append(items, it), append(before, b), i
	}
	return items, before
}

// schedule fills the edges of all ops and lays out the arena: first edges for the values of ops and
// for the lead, then memory by their order, then the edges that computing and memory need.
func (l *List) schedule() {
	n := len(l.Ops)
	all := make([][]touch, n)
	for i, o := range l.Ops {
		all[i] = l.touches(o)
	}
	stream := func(i int) int { return l.Items[i].Stream }
	beside := make([]int, n+1) // ops on the side stream, up to an op
	for i := range n {
		beside[i+1] = beside[i]
		if stream(i) == sideStream {
			beside[i+1]++
		}
	}
	_, before := connect(n, stream, func(i, j int) bool {
		return meet(all[i], all[j]) || stream(i) == mainStream && stream(j) == sideStream && beside[i]-beside[j] > lead
	})
	for _, s := range l.stretches { // these may run as one
		for i := s.at; i < s.end(); i++ {
			for j := s.at; j < i; j++ {
				before[i].clear(j)
			}
		}
	}
	l.arrange(before)
	l.Items, l.before = connect(n, stream, func(i, j int) bool { return meet(all[i], all[j]) || l.shareMemory(all[i], all[j]) })
}

// meet says whether a touch of s meets one of t.
func meet(s, t []touch) bool {
	for _, a := range s {
		for _, b := range t {
			if a.meets(b) {
				return true
			}
		}
	}
	return false
}

// shareMemory says whether a buffer of s and another one of t have bytes in common.
func (l *List) shareMemory(s, t []touch) bool {
	for _, a := range s {
		for _, b := range t {
			if a.arg.Kind != Activation || b.arg.Kind != Activation || a.arg == b.arg || !a.write && !b.write {
				continue
			}
			x, y := l.Plan.Buffers[a.arg.Index], l.Plan.Buffers[b.arg.Index]
			if x.Offset < y.Offset+y.Size && y.Offset < x.Offset+x.Size {
				return true
			}
		}
	}
	return false
}

// group is the ops that an item of a runner does.
type group struct {
	stretch
	stream      int
	cooperative bool
}

// edges gives every group the fewest edges to earlier ones that keep the order of the list's ops.
// Cooperative groups have an order too: each of them fills the card, so nothing is lost, and no two
// can hold a part of the card each and wait for the rest.
func (l *List) edges(groups []group) []Item {
	items, _ := connect(len(groups), func(g int) int { return groups[g].stream }, func(g, h int) bool {
		if groups[g].cooperative && groups[h].cooperative {
			return true
		}
		for i := groups[g].at; i < groups[g].end(); i++ {
			for j := groups[h].at; j < groups[h].end(); j++ {
				if l.before[i].has(j) {
					return true
				}
			}
		}
		return false
	})
	return items
}
