package gpu

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"shake/cudnn/cuda"
)

// serialAt is the place of a pass's number in its record, behind all that kernels read.
const serialAt = stepBytes - 4

// Progress is how far a program of a group has come, told by the card itself: in front of each
// exchange it copies the number of the pass into the host's memory. A card that waits for another
// one has come farther than that one: a card that hangs is behind all that wait for it.
//
// Its zero value is that of a program that is not yet compiled.
type Progress struct {
	begun  atomic.Bool   // Compile was called
	serial atomic.Uint32 // of the pass that was queued last, from 1
	works  atomic.Int32  // not 0: the host prepares something, and the card may be idle
	done   atomic.Uint64 // things that it has prepared

	mu   sync.Mutex
	host *cuda.Pinned // by op, and behind the last one for the statistics of an evaluation
	most uint64
}

// Reached is a number that grows as long as the card computes. The number of a card that waits for
// another one is greater than that one's. work is not 0 while the host prepares something, so that
// the card need not compute, and another number after each kernel that is prepared; before Compile,
// at each call. It may be called from any goroutine.
func (r *Progress) Reached() (at, work uint64) {
	switch {
	case !r.begun.Load():
		work = r.done.Add(1)
	case r.works.Load() > 0:
		work = 1 + r.done.Load()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last, b := r.serial.Load(), r.host.Bytes()
	for i := 0; i+4 <= len(b); i += 4 {
		// A copy that is under way is no number of a pass yet.
		if n := atomic.LoadUint32((*uint32)(unsafe.Pointer(&b[i]))); n > 0 && n <= last {
			r.most = max(r.most, uint64(n)<<32|uint64(i/4+1))
		}
	}
	return r.most, work
}

// meets marks that the program waits for the others of its group. host is for the marks of so many
// exchanges.
func (r *Progress) meets(ctx *cuda.Context, exchanges int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = 1
	var err error
	if r.host, err = ctx.AllocPinned(int64(4 * exchanges)); err == nil {
		clear(r.host.Bytes())
	}
	return err
}

// prepared marks that the program waits for the others again, before the first pass.
func (r *Progress) prepared() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most++
}

// mark is the work in front of exchange i.
func (r *Progress) mark(i int, record cuda.Ptr) work {
	slot := r.host.Bytes()[4*i : 4*i+4]
	return work{do: func(s *cuda.Stream) error { return s.CopyToHost(slot, record+serialAt) }}
}

func (r *Progress) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.host.Close()
}

// work runs f, in which the host works and the card may be idle. f calls did after each thing that
// is done.
func (g *Group) work(f func() error) error {
	if g == nil {
		return f()
	}
	g.Progress.begun.Store(true)
	g.Progress.works.Add(1)
	defer g.Progress.works.Add(-1)
	return f()
}

// compute runs f, in which the host waits for the card. It may be in the midst of work.
func (g *Group) compute(f func() error) error {
	if g == nil {
		return f()
	}
	g.Progress.works.Add(-1)
	defer g.Progress.works.Add(1)
	return f()
}

func (g *Group) did() {
	if g != nil {
		g.Progress.done.Add(1)
	}
}
