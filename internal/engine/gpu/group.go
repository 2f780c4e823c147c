package gpu

import (
	"errors"
	"fmt"
	"time"

	"shake/cudnn/cuda"
	"shake/cudnn/nccl"
	"shake/internal/engine"
)

// Group is the place of a program among those of several cards that train one network together,
// each on a share of the replicas. All make the same calls in the same order, with the same global
// batches; a call ends when it has ended on all.
//
// Gradients are added up over the cards, in buckets, on a stream beside the backward pass, and
// every card makes the same update. Losses and errors are exchanged image by image, so the totals
// of all cards are those of one card that saw all images, to the order of the additions. Replica
// 0's running statistics, by which networks are tested, go out from card 0 before an evaluation.
type Group struct {
	Rank, World int
	ID          nccl.ID // from nccl.NewID on one rank
	// Lost is closed when another rank is gone. Work that waits for it then ends, and so does the
	// program's usefulness. nil: never.
	Lost   <-chan struct{}
	Bucket int // bytes of a bucket; 0: bucketBytes
	// Progress shows others how far the program has come; nil: it is not shown.
	Progress *Progress
}

// ErrLost is the error of a program whose group lost a rank.
var ErrLost = errors.New("gpu: another card of the group is gone")

// joinWait is the longest time that ranks wait for each other at the start: kernels are compiled
// and engines timed before.
const joinWait = 15 * time.Minute

// cards is a program's part of a group.
type cards struct {
	Group
	comm       *nccl.Comm
	statistics []cuda.Ptr // by norm: replica 0's running statistics, for evaluation
	done       chan struct{}
}

// joinGroup meets the other cards. It needs the program's memory.
func (p *program) joinGroup(g Group) error {
	c := &cards{Group: g, done: make(chan struct{})}
	p.group = c
	var err error
	ctx := p.dev.ctx
	if c.comm, err = nccl.Start(ctx, g.ID, nccl.Config{Rank: g.Rank, World: g.World}); err != nil {
		return err
	}
	go c.watch()
	if err := c.Progress.meets(ctx, len(p.list.Ops)+1); err != nil {
		return err
	}
	for end := time.Now().Add(joinWait); ; time.Sleep(time.Millisecond) {
		ready, err := c.comm.Ready()
		if err != nil {
			return c.because(err)
		}
		if ready {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("gpu: not all of the %d cards came together within %v", g.World, joinWait)
		}
	}
	for id := range p.list.Plan.Norms {
		c.statistics = append(c.statistics, p.dev.norms[Replica0-Norm][id])
	}
	return nil
}

// watch aborts the calls that wait for other ranks once one is lost.
func (c *cards) watch() {
	select {
	case <-c.Lost:
		c.comm.Abort()
	case <-c.done:
	}
}

// lost says whether a rank is gone.
func (c *cards) lost() bool {
	if c == nil {
		return false
	}
	select {
	case <-c.Lost:
		return true
	default:
		return false
	}
}

// because is err, or ErrLost if that is the reason.
func (c *cards) because(err error) error {
	if err != nil && c != nil && (c.lost() || errors.Is(err, nccl.ErrAborted)) {
		return fmt.Errorf("%w (%v)", ErrLost, err)
	}
	return err
}

// AsyncError is the first failure between the cards since the start. It may be called from any
// goroutine. (nccl.Comm.AsyncError)
func (p *program) AsyncError() error {
	if p.group == nil || p.group.comm == nil {
		return nil
	}
	err := p.group.comm.AsyncError()
	if errors.Is(err, nccl.ErrClosed) || errors.Is(err, nccl.ErrAborted) {
		return nil // the program is closed, or lost: its calls say so
	}
	return err
}

func (c *cards) close() {
	if c == nil {
		return
	}
	close(c.done)
	c.comm.Close()
	c.Progress.close()
}

// add queues sums over the cards, as one call.
func (c *cards) add(s *cuda.Stream, rs []reduced) error {
	return c.comm.Group(func() error {
		for _, r := range rs {
			if err := c.comm.AllReduce(r.at, r.at, int64(r.n), r.t, nccl.Sum, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// sendStatistics gives every card replica 0's running statistics, which card 0 has.
func (p *program) sendStatistics() error {
	c, s := p.group, p.dev.streams[mainStream]
	if err := c.Progress.mark(len(p.list.Ops), p.dev.single[StepRecord]).do(s); err != nil {
		return err
	}
	return c.comm.Group(func() error {
		for id, to := range c.statistics {
			from, n := p.dev.norms[Running-Norm][id], int64(p.list.normWidth(engine.NormID(id)))
			// Variances stand behind the means of all replicas of a card.
			behind := cuda.Ptr(4 * n * int64(p.list.Replicas))
			for _, at := range []cuda.Ptr{0, behind} {
				if err := c.comm.Broadcast(from+at, to+at, n, nccl.F32, 0, s); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
