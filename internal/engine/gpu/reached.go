package gpu

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"shake/cudnn/cuda"
)

// serialAt is the place of a pass's number in its record, behind all that kernels read.
const serialAt = stepBytes - 4

// reached is how far the card has come, told by the card itself: in front of each exchange it
// copies the number of the pass into the host's memory. A card that waits for another one has come
// farther than that one: a card that hangs is behind all that wait for it.
type reached struct {
	serial  atomic.Uint32 // of the pass that was queued last, from 1
	working atomic.Int32  // not 0: the host prepares something, and the card may be idle

	mu   sync.Mutex
	host *cuda.Pinned // by op, and behind the last one for the statistics of an evaluation
	most uint64
}

// mark is the work in front of exchange i.
func (r *reached) mark(i int, record cuda.Ptr) work {
	slot := r.host.Bytes()[4*i : 4*i+4]
	return work{do: func(s *cuda.Stream) error { return s.CopyToHost(slot, record+serialAt) }}
}

// at is a number that grows with every exchange that the card comes to.
func (r *reached) at() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, b := r.serial.Load(), r.host.Bytes()
	for i := 0; i+4 <= len(b); i += 4 {
		// A copy that is under way is no number of a pass yet.
		if n := atomic.LoadUint32((*uint32)(unsafe.Pointer(&b[i]))); n > 0 && n <= last {
			r.most = max(r.most, uint64(n)<<32|uint64(i/4+1))
		}
	}
	return r.most
}

func (r *reached) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.host.Close()
}

// work runs f, in which the host works and the card may be idle.
func (c *cards) work(f func() error) error {
	if c == nil {
		return f()
	}
	c.reached.working.Add(1)
	defer c.reached.working.Add(-1)
	return f()
}

// Reached is a number that grows as long as the card computes, and whether the host is at work, so
// that the card need not. The number of a card that waits for another one is greater than that
// one's. It may be called from any goroutine.
func (p *program) Reached() (at uint64, working bool) {
	if p.group == nil {
		return 0, true
	}
	return p.group.reached.at(), p.group.reached.working.Load() > 0
}
