package nccl

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"shake/cudnn/cuda"
)

// Config is the place of a card in a communicator.
type Config struct {
	Rank, World int // number of this rank from 0, and of all ranks
	// Timeout is the longest time that New waits for the other ranks; 0: for ever.
	Timeout time.Duration
	// Blocking makes the library itself wait in New and in the first collective calls. Abort cannot
	// end such a wait, and Timeout has no meaning. Close waits for the streams of the calls so far,
	// or for all work of the context if a call was captured, since its graph may run on any stream.
	Blocking bool
	// MinCTAs and MaxCTAs bound the multiprocessors that a collective call takes; 0: the library
	// chooses.
	MinCTAs, MaxCTAs int
}

// closeWait is the longest time that Close waits for work under way before it aborts; tests shorten
// it.
var closeWait = 5 * time.Second

// Comm is a communicator: this rank's end of it.
type Comm struct {
	ctx    *cuda.Context
	config Config

	groups sync.Mutex // held while a group is open

	mu      sync.Mutex // held for calls of the library and for the fields below
	handle  uintptr    // 0 when closed or aborted
	aborted bool
	closing bool    // Close is under way
	group   bool    // a group is open
	owner   uintptr // the thread that opened it
	// If Blocking: the streams of the calls so far, and whether a call went into a graph.
	streams  []*cuda.Stream
	captured bool
}

// New makes this rank's end of the communicator id on the context's card, and waits until all ranks
// have come. The context must be current; all ranks have cards of their own.
//
// Errors: those of NewID; ErrTimeout where a rank did not come within Config.Timeout; *Error with
// the library's reason. (ncclCommInitRankConfig)
func New(ctx *cuda.Context, id ID, c Config) (*Comm, error) {
	comm, err := Start(ctx, id, c)
	if err != nil {
		return nil, err
	}
	const op = "New"
	var end time.Time
	if c.Timeout > 0 {
		end = time.Now().Add(c.Timeout)
	}
	err = comm.settle(op, end, fmt.Sprintf("not all ranks came within %v", c.Timeout))
	if err != nil {
		comm.Abort()
		return nil, err
	}
	return comm, nil
}

// Start is New without the wait: Ready tells when all ranks have come. No other call but Abort,
// AsyncError and Close may be made before.
func Start(ctx *cuda.Context, id ID, c Config) (*Comm, error) {
	const op = "New"
	if ctx.Handle() == 0 {
		return nil, &Error{Op: op, Detail: "the context is closed or nil", cause: ErrClosed}
	}
	if c.World < 1 || c.Rank < 0 || c.Rank >= c.World {
		return nil, invalid(op, "rank %d of %d: want 0 to %d", c.Rank, c.World, max(c.World, 1)-1)
	}
	if c.MinCTAs < 0 || c.MaxCTAs < 0 || c.MaxCTAs > 0 && c.MinCTAs > c.MaxCTAs {
		return nil, invalid(op, "from %d to %d multiprocessors: want no negative number, and the smaller one first", c.MinCTAs, c.MaxCTAs)
	}
	if id == (ID{}) {
		return nil, invalid(op, "the ID is empty: take one from NewID, the same for all ranks")
	}
	if _, err := open(); err != nil {
		return nil, err
	}
	if !ctx.IsCurrent() {
		return nil, wrongThread(op)
	}
	h, s := cInit(id, c)
	if s != 0 && s != inProgress {
		return nil, failed(op, s, lastError(0, s))
	}
	if h == 0 {
		return nil, &Error{Op: op, Status: ErrInternal, Detail: "the library made no communicator, and gave no reason"}
	}
	return &Comm{ctx: ctx, config: c, handle: h}, nil
}

func wrongThread(op string) error {
	return invalid(op, "the context is not current on this thread: call runtime.LockOSThread, then Context.SetCurrent")
}

// Rank is this rank's number.
func (c *Comm) Rank() int {
	if c == nil {
		return 0
	}
	return c.config.Rank
}

// World is the number of ranks.
func (c *Comm) World() int {
	if c == nil {
		return 0
	}
	return c.config.World
}

// Ready says whether the calls so far are known to be accepted: after Start, whether all ranks have
// come. The error is that of AsyncError.
func (c *Comm) Ready() (bool, error) {
	const op = "Comm.Ready"
	s, err := c.state(op)
	return err == nil && s == 0, err
}

// AsyncError returns the first failure of the work under way since the communicator was made, or
// nil: ErrRemote after the death of another rank. Such an error does not end the work: Abort does.
// It may be called from any goroutine. (ncclCommGetAsyncError)
func (c *Comm) AsyncError() error {
	_, err := c.state("Comm.AsyncError")
	return err
}

// state asks the library for the communicator's state: 0 or inProgress, if all is well.
func (c *Comm) state(op string) (Status, error) {
	if c == nil {
		return 0, c.shut(op)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handle == 0 {
		return 0, c.shut(op)
	}
	found, s := cAsyncError(c.handle)
	if s != 0 {
		return 0, failed(op, s, lastError(c.handle, s))
	}
	if found != 0 && found != inProgress {
		return 0, failed(op, found, lastError(c.handle, found))
	}
	return found, nil
}

// settle waits until the library has accepted a call, but not longer than end, if that is not zero;
// late says what was not done by then.
func (c *Comm) settle(op string, end time.Time, late string) error {
	for i := 0; ; i++ {
		s, err := c.state(op)
		if err != nil || s == 0 {
			return err
		}
		if !end.IsZero() && time.Now().After(end) {
			return c.tooLate(op, late)
		}
		if i < 100 {
			runtime.Gosched()
		} else {
			time.Sleep(100 * time.Microsecond)
		}
	}
}

func (c *Comm) tooLate(op, late string) error {
	return &Error{Op: op, Detail: fmt.Sprintf("rank %d of %d: %s", c.config.Rank, c.config.World, late), cause: ErrTimeout}
}

// shut is the error of using a communicator that is nil, closed or aborted.
func (c *Comm) shut(op string) error {
	if c != nil && c.aborted {
		return &Error{Op: op, Detail: "the communicator was aborted", cause: ErrAborted}
	}
	return &Error{Op: op, Detail: "the communicator is closed or nil", cause: ErrClosed}
}

// Abort ends all work of the communicator on this rank, also work that waits for a rank that will
// never come, and frees it. The results of that work have no meaning. It may be called from
// any goroutine and more than once; the function of a Group is an exception. (ncclCommAbort)
func (c *Comm) Abort() error {
	if c == nil {
		return nil
	}
	if err := c.within("Comm.Abort"); err != nil {
		return err
	}
	// A second Abort, and Close, wait here for the end of the first.
	c.groups.Lock()
	defer c.groups.Unlock()
	c.mu.Lock()
	return c.abort()
}

// within is an error if this thread's group is open: its end would be waited for in vain.
func (c *Comm) within(op string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.group && c.owner == cThread() {
		return invalid(op, "called by the function of a group: return from it first")
	}
	return nil
}

// abort wants c.mu, and unlocks it before the library waits for graphs to end: other calls are
// errors at once.
func (c *Comm) abort() error {
	h := c.handle
	if h != 0 {
		c.handle, c.aborted = 0, true
	}
	c.mu.Unlock()
	if h == 0 {
		return nil
	}
	s := cAbort(h)
	return failed("Comm.Abort", s, lastError(0, s))
}

// Close ends the communicator once its work is done. Work that has failed, or is not done within
// five seconds, is aborted, and that is an error. It may be called twice, but not by the function
// of a Group. (ncclCommFinalize, ncclCommDestroy, ncclCommAbort)
//
// Close the graphs that captured calls first, cuda.GraphExec and cuda.Graph: here and in Abort the
// library waits for the end of graphs without a limit. A graph may be closed while a launch of it
// runs; Close waits for the launch as for a call. No capture may be under way in the context.
func (c *Comm) Close() error {
	const op = "Comm.Close"
	if c == nil {
		return nil
	}
	if err := c.within(op); err != nil {
		return err
	}
	// Abort may come while Close waits, so that no lock is held meanwhile.
	if !c.beginClose() {
		return nil
	}
	end := time.Now().Add(closeWait)
	err := c.drain(op, end)
	c.mu.Lock()
	if c.handle == 0 { // aborted meanwhile
		c.mu.Unlock()
		return nil
	}
	if err != nil {
		c.abort()
		return &Error{Op: op, Detail: fmt.Sprintf("work under way was aborted: %v", err), cause: ErrAborted}
	}
	h := c.handle
	c.handle = 0
	c.mu.Unlock()
	s := cDestroy(h)
	return failed(op, s, lastError(0, s))
}

// beginClose waits for the end of a group; false: there is nothing to close.
func (c *Comm) beginClose() bool {
	c.groups.Lock()
	defer c.groups.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	begun := c.handle != 0 && !c.closing
	c.closing = c.closing || begun
	return begun
}

// drain waits until the work under way is done.
func (c *Comm) drain(op string, end time.Time) error {
	late := fmt.Sprintf("work under way was not done within %v: a rank that makes other calls, or a card that hangs", closeWait)
	if err := c.settle(op, end, late); err != nil {
		return err
	}
	if !c.config.Blocking {
		c.mu.Lock()
		var s Status
		if c.handle != 0 {
			s = cFinalize(c.handle)
		}
		c.mu.Unlock()
		if err := failed(op, dropProgress(s), ""); err != nil {
			return err
		}
		return c.settle(op, end, late)
	}
	// ncclCommFinalize of a blocking communicator would wait itself, where nothing could end the
	// wait. The streams end when the calls on them do.
	done := make(chan error, 1)
	go func() { done <- c.synchronize() }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(time.Millisecond):
		}
		if err := c.AsyncError(); err != nil {
			return err
		}
		if time.Now().After(end) {
			return c.tooLate(op, late)
		}
	}
}

// synchronize waits for the work of a blocking communicator. Its thread ends with it.
func (c *Comm) synchronize() error {
	runtime.LockOSThread()
	if err := c.ctx.SetCurrent(); err != nil {
		return err
	}
	if c.captured {
		return c.ctx.Synchronize()
	}
	for _, s := range c.streams {
		if s.Handle() == 0 {
			continue
		}
		if capturing, err := s.Capturing(); err != nil || capturing {
			continue
		}
		if err := s.Synchronize(); err != nil {
			return err
		}
	}
	return nil
}

// dropProgress is s, or success where the work goes on.
func dropProgress(s Status) Status {
	if s == inProgress {
		return 0
	}
	return s
}
