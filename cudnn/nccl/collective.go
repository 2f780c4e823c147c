package nccl

import (
	"math"
	"slices"
	"time"

	"shake/cudnn/cuda"
)

// Type is the type of an array's elements, with the numbers of ncclDataType_t.
type Type int

// The types. F16 is IEEE binary16, BF16 the upper half of a float32.
const (
	I8   Type = 0
	U8   Type = 1
	I32  Type = 2
	U32  Type = 3
	I64  Type = 4
	U64  Type = 5
	F16  Type = 6
	F32  Type = 7
	F64  Type = 8
	BF16 Type = 9
)

var sizes = map[Type]int64{I8: 1, U8: 1, I32: 4, U32: 4, I64: 8, U64: 8, F16: 2, F32: 4, F64: 8, BF16: 2}

// Size is the bytes of an element; 0 for a number that is no type.
func (t Type) Size() int64 { return sizes[t] }

// Op combines the elements of all ranks, with the numbers of ncclRedOp_t.
type Op int

// The operations; Avg is the sum divided by the number of ranks.
const (
	Sum  Op = 0
	Prod Op = 1
	Max  Op = 2
	Min  Op = 3
	Avg  Op = 4
)

// AllReduce combines the arrays of all ranks and gives every rank the result:
//
//	recv[i] = op over ranks r of send_r[i], i < count
//
// send and recv are count elements of type t in device memory of the communicator's card, at
// multiples of the element's size; they may be equal, but not overlap otherwise. recv is
// overwritten. The work is queued on s, a stream of the communicator's context. Sums are taken in
// t, in an order that the ranks' number and place decide: the same bits on all ranks. Errors match
// ErrInvalidArgument, ErrClosed, ErrAborted, or are the library's. (ncclAllReduce)
func (c *Comm) AllReduce(send, recv cuda.Ptr, count int64, t Type, op Op, s *cuda.Stream) error {
	const name = "Comm.AllReduce"
	if op < Sum || op > Avg {
		return invalid(name, "operation %d: want Sum, Prod, Max, Min or Avg", int(op))
	}
	if err := c.check(name, send, recv, count, t, s); err != nil {
		return err
	}
	if n := count * t.Size(); send != recv && overlap(send, n, recv, n) {
		return invalid(name, "%d bytes at %#x and at %#x overlap", n, uint64(send), uint64(recv))
	}
	return c.queue(name, s, func(h uintptr) Status { return cAllReduce(send, recv, count, t, op, h, s.Handle()) })
}

// Broadcast gives every rank the array of rank root:
//
//	recv[i] = send_root[i], i < count
//
// send is read on rank root alone, but has to be an address on every rank; send and recv may be
// equal. Types, addresses, stream and errors are as in AllReduce. (ncclBroadcast)
func (c *Comm) Broadcast(send, recv cuda.Ptr, count int64, t Type, root int, s *cuda.Stream) error {
	const name = "Comm.Broadcast"
	if c != nil && (root < 0 || root >= c.config.World) {
		return invalid(name, "root %d of %d ranks", root, c.config.World)
	}
	if err := c.check(name, send, recv, count, t, s); err != nil {
		return err
	}
	if n := count * t.Size(); send != recv && overlap(send, n, recv, n) {
		return invalid(name, "%d bytes at %#x and at %#x overlap", n, uint64(send), uint64(recv))
	}
	return c.queue(name, s, func(h uintptr) Status { return cBroadcast(send, recv, count, t, root, h, s.Handle()) })
}

// AllGather gives every rank the arrays of all ranks, in the order of their numbers:
//
//	recv[r*count + i] = send_r[i], i < count
//
// recv has World times count elements. send may be its own place in recv, recv + Rank*count
// elements, but not overlap it otherwise. Types, addresses, stream and errors are as in AllReduce.
// (ncclAllGather)
func (c *Comm) AllGather(send, recv cuda.Ptr, count int64, t Type, s *cuda.Stream) error {
	const name = "Comm.AllGather"
	if err := c.check(name, send, recv, count, t, s); err != nil {
		return err
	}
	n := count * t.Size()
	if count > math.MaxInt64/int64(c.config.World)/t.Size() {
		return invalid(name, "%d elements of %d ranks are more than an address can reach", count, c.config.World)
	}
	if own := recv + cuda.Ptr(n*int64(c.config.Rank)); send != own && overlap(send, n, recv, n*int64(c.config.World)) {
		return invalid(name, "%d bytes at %#x overlap the result at %#x, and are not their own place in it", n, uint64(send), uint64(recv))
	}
	return c.queue(name, s, func(h uintptr) Status { return cAllGather(send, recv, count, t, h, s.Handle()) })
}

// Group makes one launch of the collective calls that f makes, and calls f at once. The streams
// may differ. An error of f, or of a call in it, is returned; the calls before it are queued
// nevertheless, since the other ranks make them too. So they are if f panics. Groups do not nest.
// Abort and Close wait for the end of f; in f they are errors. (ncclGroupStart, ncclGroupEnd)
func (c *Comm) Group(f func() error) error {
	const op = "Comm.Group"
	if c == nil {
		return c.shut(op)
	}
	if f == nil {
		return invalid(op, "no function")
	}
	c.mu.Lock()
	nested, shut := c.group, c.handle == 0
	c.mu.Unlock()
	if shut {
		return c.shut(op)
	}
	if nested {
		return invalid(op, "a group in a group")
	}
	going, err := c.grouped(op, f)
	if !going {
		return err
	}
	// The group is closed, so that Abort ends this wait.
	if late := c.settle(op, time.Time{}, ""); err == nil {
		err = late
	}
	return err
}

// grouped calls f in a group; going says that the library has not accepted the calls yet.
func (c *Comm) grouped(op string, f func() error) (going bool, err error) {
	c.groups.Lock()
	defer c.groups.Unlock()
	if !c.ctx.IsCurrent() {
		return false, wrongThread(op)
	}
	if err := c.openGroup(op); err != nil {
		return false, err
	}
	defer func() { // after a panic too
		c.mu.Lock()
		defer c.mu.Unlock()
		c.group = false
		s := cGroupEnd()
		going = s == inProgress
		if err == nil {
			err = failed(op, dropProgress(s), lastError(c.handle, s))
		}
	}()
	return false, f()
}

func (c *Comm) openGroup(op string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handle == 0 {
		return c.shut(op)
	}
	s := cGroupStart()
	if c.group = s == 0; c.group {
		c.owner = cThread()
	}
	return failed(op, s, lastError(c.handle, s))
}

// queue makes a call of the library on a stream and waits until it is accepted, unless a group is
// open.
func (c *Comm) queue(op string, on *cuda.Stream, call func(handle uintptr) Status) error {
	c.mu.Lock()
	if c.handle == 0 {
		c.mu.Unlock()
		return c.shut(op)
	}
	s := call(c.handle)
	last := lastError(c.handle, s)
	open := c.group
	if c.config.Blocking {
		if capturing, err := on.Capturing(); capturing || err != nil {
			c.captured = true
		} else if !slices.Contains(c.streams, on) {
			c.streams = append(c.streams, on)
		}
	}
	c.mu.Unlock()
	if s == inProgress && !open {
		return c.settle(op, time.Time{}, "")
	}
	return failed(op, dropProgress(s), last)
}

// check looks for the misuse that all collective calls share.
func (c *Comm) check(op string, send, recv cuda.Ptr, count int64, t Type, s *cuda.Stream) error {
	if c == nil {
		return c.shut(op)
	}
	c.mu.Lock()
	shut := c.handle == 0
	c.mu.Unlock()
	size := t.Size()
	switch {
	case shut:
		return c.shut(op)
	case s.Handle() == 0:
		return &Error{Op: op, Detail: "the stream is closed or nil", cause: ErrClosed}
	case s.Context() != c.ctx:
		return invalid(op, "the stream belongs to another context than the communicator, which is on card %d", c.ctx.Device().Ordinal())
	case !c.ctx.IsCurrent():
		return wrongThread(op)
	case size == 0:
		return invalid(op, "type %d is none of the types here", int(t))
	case count < 0 || count > math.MaxInt64/size:
		return invalid(op, "%d elements", count)
	case count > 0 && (send == 0 || recv == 0):
		return invalid(op, "address 0")
	case int64(send)%size != 0 || int64(recv)%size != 0:
		return invalid(op, "address %#x or %#x is no multiple of %d, the size of an element", uint64(send), uint64(recv), size)
	}
	return nil
}

func overlap(a cuda.Ptr, n int64, b cuda.Ptr, m int64) bool {
	return a < b+cuda.Ptr(m) && b < a+cuda.Ptr(n)
}
