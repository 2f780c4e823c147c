package predict

import (
	"cmp"
	"math"
	"slices"
)

// Launch is one launch as the model sees it.
type Launch struct {
	Op     string // kind of operation: conv, dgrad, wgrad, stats, ...; Kinds sums up by it
	Text   string // description for people
	FLOPs  float64
	Reads  []Span
	Writes []Span
	// bytes that belong to no tensor: parameters, images, indexes; the cache never holds them
	Extra float64
	// bytes that the library copies in front of a convolution and behind it, which Bytes leaves out
	Packed float64
	// bytes that a cooperative kernel reads a second time, from the L2; Bytes leaves them out
	Again  float64
	Kernel *Kernel // nil: a kernel of the library, unknown beforehand
	Stream int     // launches of one stream run one after the other
	After  []int   // numbers of earlier launches of other streams that it waits for
	// Overlaps says that it can begin before the launch in front of it ends (programmatic dependent
	// launch): both are kernels of ours on one stream, and it waits for nothing else.
	Overlaps bool
}

// Span is lanes of a tensor: groups of eight channels of every pixel of the batch.
type Span struct {
	Tensor       int
	First, Lanes int
	LaneBytes    float64
}

func (s Span) bytes() float64 { return float64(s.Lanes) * s.LaneBytes }

// Kernel is a launch of a kernel of ours.
type Kernel struct {
	Blocks, Threads int // Blocks of so many Threads
	Registers       int // a thread
	Shared          int // bytes a block
	// blocks a multiprocessor that the launch bounds promise, for a kernel without Registers: it
	// was not compiled
	AtLeast  int
	Slots    int  // blocks whose sums the last one adds up; 0: none
	Meets    bool // its blocks wait for each other in between, and each adds up the Slots
	Compiled bool // Registers and Shared are the compiler's
}

// The kinds of convolution, by Launch.Op: Card.Conv is in this order.
var directions = map[string]int{"conv": 0, "dgrad": 1, "wgrad": 2}

// Cost is the model's result for a launch. Times are in seconds.
type Cost struct {
	Launch
	Bytes float64 // all bytes read and written, each byte once
	Hit   float64 // bytes of these read from the L2
	// Memory is the bytes of these moved to or from memory: reads that miss, half of the writes
	// (the rest is overwritten or dies in the L2), and Extra.
	Memory float64
	// Floor is a lower bound by the table's facts alone: bytes at the memory's and the L2's rate,
	// FLOPs at the tensor peak, and no cost of a launch.
	Floor float64
	Time  float64 // expected time, with the card to itself
	Start float64 // expected beginning within the step
	// Warm is the expected time of a repeat, whose tensors are in the L2 where they fit.
	Warm  float64
	PerSM int     // blocks of its kernel that a multiprocessor holds; 0: unknown
	Waves float64 // number of times that its blocks fill the card; 0: unknown
}

// Step is a prediction of a whole list.
type Step struct {
	Card  Card
	Costs []Cost
	Time  float64 // launches on different streams overlap
	Line  float64 // the sum of all launches, one after the other
	// Step's time if all convolutions ran at two thirds, and at four thirds, of the assumed rates.
	Slow, Fast float64
	Overlaps   int     // launches that Overlap a kernel in front
	Overlapped float64 // Time with these as programmatic launches; 0: the card has none
}

// Predict runs the launches through the model (docs/notes/gpu-model.md has its formulas). The L2
// sees them in the order of the list.
func Predict(card Card, ls []Launch) *Step {
	s := &Step{Card: card}
	l2 := newCache(card.Kept)
	slow, fast := card, card
	for i := range card.Conv {
		slow.Conv[i], fast.Conv[i] = card.Conv[i]*2/3, card.Conv[i]*4/3
	}
	for _, l := range ls {
		c := Cost{Launch: l}
		c.move(l2)
		c.Time, c.Floor = c.time(card), c.floor(card)
		s.Line += c.Time
		c.Warm = warm(card, l)
		c.occupy(card)
		s.Costs = append(s.Costs, c)
		if l.Overlaps {
			s.Overlaps++
		}
	}
	if with := card; card.Overlap > 0 {
		with.programmatic = true
		s.Overlapped = schedule(with, s.Costs)
	}
	s.Slow, s.Fast = schedule(slow, s.Costs), schedule(fast, s.Costs)
	s.Time = schedule(card, s.Costs)
	return s
}

// warm is the time of l right after itself.
func warm(card Card, l Launch) float64 {
	l2 := newCache(card.Kept)
	c := Cost{Launch: l}
	c.move(l2)
	c = Cost{Launch: l}
	c.move(l2)
	return c.time(card)
}

// move counts bytes, and moves them through the cache.
func (c *Cost) move(l2 *cache) {
	c.Bytes, c.Memory = c.Extra, c.Extra
	for _, r := range c.Reads {
		hit := l2.touch(r)
		c.Bytes += r.bytes()
		c.Hit += hit
		c.Memory += r.bytes() - hit
	}
	for _, w := range c.Writes {
		l2.touch(w)
		c.Bytes += w.bytes()
		c.Memory += w.bytes() / 2
	}
}

// time is the cost of a launch that has the card to itself.
func (c *Cost) time(card Card) float64 { return c.fixed(card) + c.work(card) }

// fixed is the part of the time in which most of the card is free.
func (c *Cost) fixed(card Card) float64 {
	if _, ok := directions[c.Op]; ok {
		t := card.Call
		if c.Op == "wgrad" {
			t += card.Reduce
		}
		if c.Packed > 0 {
			t += 2 * card.Launch
		}
		return t
	}
	t := card.Launch
	if card.programmatic && c.Overlaps {
		t = card.Overlap
	}
	if c.Kernel != nil && c.Kernel.Slots > 0 {
		t += card.Merge + float64(c.Kernel.Slots)*card.Slot
	}
	if c.Kernel != nil && c.Kernel.Meets {
		t += card.Meet
	}
	return t
}

// work is the larger of the times of a launch's bytes and of its FLOPs, and the library's copies.
func (c *Cost) work(card Card) float64 {
	if d, ok := directions[c.Op]; ok {
		return max(c.FLOPs/card.Conv[d], c.Memory/card.Memory+c.Hit/card.Cache) + 2*c.Packed/card.Memory
	}
	return max(c.Memory/card.Memory, (c.Bytes+c.Again)/card.Cache)
}

func (c *Cost) floor(card Card) float64 {
	return max(c.FLOPs/card.TensorPeak, c.Memory/card.MemoryPeak, c.Bytes/card.Cache)
}

// occupy computes the blocks of the kernel that a multiprocessor holds, and the number of waves.
func (c *Cost) occupy(card Card) {
	k := c.Kernel
	if k == nil || k.Blocks == 0 {
		return
	}
	c.PerSM = k.perSM(card)
	if c.PerSM > 0 {
		c.Waves = float64(k.Blocks) / float64(c.PerSM*card.SMs)
	}
}

// perSM follows the CUDA occupancy calculator: warps get registers in units of 256, and a quarter
// of a multiprocessor has a quarter of its 65536.
func (k *Kernel) perSM(card Card) int {
	warps := (k.Threads + 31) / 32
	n := min(card.Blocks, card.Threads/(32*warps))
	if k.Registers == 0 {
		return min(n, max(k.AtLeast, 1))
	}
	perWarp := (k.Registers*32 + 255) / 256 * 256
	n = min(n, 4*(16384/perWarp)/warps)
	if k.Shared > 0 {
		n = min(n, card.Shared/(k.Shared+SharedToll))
	}
	return n
}

// Kind is launches of one Op, summed up.
type Kind struct {
	Op                   string
	Launches             int
	Bytes, Memory, FLOPs float64
	Floor, Time          float64
}

// Kinds sums the launches up by Op, the dearest first.
func (s *Step) Kinds() []Kind {
	var out []Kind
	at := map[string]int{}
	for _, c := range s.Costs {
		i, ok := at[c.Op]
		if !ok {
			i = len(out)
			at[c.Op] = i
			out = append(out, Kind{Op: c.Op})
		}
		k := &out[i]
		k.Launches++
		k.Bytes += c.Bytes
		k.Memory += c.Memory
		k.FLOPs += c.FLOPs
		k.Floor += c.Floor
		k.Time += c.Time
	}
	slices.SortStableFunc(out, func(a, b Kind) int { return cmp.Compare(b.Time, a.Time) })
	return out
}

// Off says whether a measured time differs from the expected one by more than a third, either way.
func Off(measured, expected float64) bool { return math.Abs(measured-expected) > expected/3 }
