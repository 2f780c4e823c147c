package cuda

import (
	"fmt"
	"math"
	"reflect"
)

// Launch is the shape of a launch.
type Launch struct {
	Grid, Block [3]uint32 // blocks, and threads of a block: x, y, z; a y or z of 0 counts as 1
	Shared      uint32    // bytes of dynamic shared memory of a block
	Cooperative bool      // whether all blocks run at once, so that they may wait for each other
	// Programmatic lets the kernel start while the kernel in front of it on the stream still runs:
	// once every block of that one has executed griddepcontrol.launch_dependents or ended. Before
	// it touches memory that the earlier kernel writes, every thread must execute
	// griddepcontrol.wait, which waits until that kernel has ended and its stores are visible. A
	// kernel that does not wait breaks the order of the launches behind it, too. Behind anything but
	// a kernel on the same stream the launch is an ordinary one. Captured, it makes an edge of type
	// programmatic; the driver takes such edges between two kernels only. Device.Programmatic says
	// whether a card can; not with Cooperative.
	// (CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION)
	Programmatic bool
}

// Call is a kernel with its shape and its arguments, ready to run many times.
type Call struct {
	f      *Function
	handle uintptr // C memory; 0 when closed
	launch Launch
	values []uint64
	sizes  []uint8
}

// NewCall binds arguments to a kernel. They may be Ptr, int32, uint32, int64, uint64, float32,
// float64, and for kernels with smaller parameters int8, uint8, bool, int16, uint16 (float16 and
// bfloat16 as their bits). A plain int is refused, since its size is not the kernel's. Where the
// driver knows the kernel's parameters (CUDA 12.4), NewCall compares their number and sizes. An
// older driver knows nothing of them, and the kernel misreads a wrong argument. Errors match
// ErrInvalidValue, or ErrNotSupported for a Programmatic launch that the card or its driver cannot
// do. Close frees the call.
func (f *Function) NewCall(l Launch, args ...any) (*Call, error) {
	const op = "Function.NewCall"
	if f.closed() {
		return nil, closed(op, "function or its module")
	}
	if f.known && len(args) != len(f.params) {
		return nil, invalid(op, "kernel %q takes %d arguments, have %d", f.name, len(f.params), len(args))
	}
	shape, err := f.shape(op, l)
	if err != nil {
		return nil, err
	}
	c := &Call{f: f, handle: cCallNew(f.handle, len(args)), sizes: make([]uint8, len(args))}
	if c.handle == 0 {
		return nil, &OutOfMemoryError{Op: op, Want: int64(len(args) * 16)}
	}
	c.values = cCallValues(c.handle, len(args))
	c.shape(shape)
	for i, a := range args {
		bits, size := pack(a)
		if size == 0 {
			err = invalid(op, "argument %d of kernel %q: %s", i, f.name, refuse(a))
		} else if f.known && int(size) != f.params[i] {
			err = invalid(op, "argument %d of kernel %q: %T has %d bytes, the parameter %d", i, f.name, a, size, f.params[i])
		}
		if err != nil {
			c.Close()
			return nil, err
		}
		c.values[i], c.sizes[i] = bits, size
	}
	return c, nil
}

// shape checks a launch and fills in its default ones.
func (f *Function) shape(op string, l Launch) (Launch, error) {
	for _, v := range []*[3]uint32{&l.Grid, &l.Block} {
		if v[0] == 0 {
			return l, invalid(op, "kernel %q: grid %v, block %v: no blocks or no threads", f.name, l.Grid, l.Block)
		}
		v[1], v[2] = max(v[1], 1), max(v[2], 1)
	}
	if n := uint64(l.Block[0]) * uint64(l.Block[1]); n > uint64(f.max) || n*uint64(l.Block[2]) > uint64(f.max) {
		return l, invalid(op, "kernel %q: block %v has more than %d threads, its most", f.name, l.Block, f.max)
	}
	if l.Programmatic {
		if l.Cooperative {
			return l, invalid(op, "kernel %q: a launch is either cooperative or programmatic", f.name)
		}
		if err := f.m.ctx.device.programmatic(op); err != nil {
			return l, err
		}
	}
	return l, nil
}

// pack returns an argument's bits and its size in bytes; 0 if its type is refused.
func pack(a any) (bits uint64, size uint8) {
	switch v := a.(type) {
	case Ptr:
		return uint64(v), 8
	case int32:
		return uint64(uint32(v)), 4
	case uint32:
		return uint64(v), 4
	case int64:
		return uint64(v), 8
	case uint64:
		return v, 8
	case float32:
		return uint64(math.Float32bits(v)), 4
	case float64:
		return math.Float64bits(v), 8
	case int8:
		return uint64(uint8(v)), 1
	case uint8:
		return uint64(v), 1
	case int16:
		return uint64(uint16(v)), 2
	case uint16:
		return uint64(v), 2
	case bool:
		if v {
			return 1, 1
		}
		return 0, 1
	}
	return 0, 0
}

// refuse is the reason for a refused argument. It does not keep the argument, so that the arguments
// of Set need no memory.
func refuse(a any) string {
	name := "nil"
	if t := reflect.TypeOf(a); t != nil {
		name = t.String()
	}
	switch a.(type) {
	case int, uint:
		return name + " has no size of its own: say int32, int64 or their like"
	case *Memory:
		return name + ": give its Ptr()"
	}
	return name + " cannot be passed to a kernel"
}

// Set replaces argument i by one of the size given to NewCall. It does not allocate. A launch
// already queued keeps the old one.
func (c *Call) Set(i int, a any) error {
	const op = "Call.Set"
	if c == nil || c.handle == 0 {
		return closed(op, "call")
	}
	if uint(i) >= uint(len(c.values)) {
		return invalid(op, "argument %d of kernel %q, which has %d", i, c.f.name, len(c.values))
	}
	bits, size := pack(a)
	if size == 0 {
		return invalid(op, "argument %d of kernel %q: %s", i, c.f.name, refuse(a))
	}
	if size != c.sizes[i] {
		return invalid(op, "argument %d of kernel %q: %d bytes, want %d", i, c.f.name, size, c.sizes[i])
	}
	c.values[i] = bits
	return nil
}

// SetLaunch replaces the shape.
func (c *Call) SetLaunch(l Launch) error {
	const op = "Call.SetLaunch"
	if c == nil || c.handle == 0 {
		return closed(op, "call")
	}
	shape, err := c.f.shape(op, l)
	if err == nil {
		c.shape(shape)
	}
	return err
}

func (c *Call) shape(l Launch) {
	c.launch = l
	cCallShape(c.handle, l)
}

// Launch returns the shape, with a y or z of 0 as 1.
func (c *Call) Launch() Launch {
	if c == nil {
		return Launch{}
	}
	return c.launch
}

// Run queues the kernel on the stream, with the arguments as they are now. It does not allocate.
// The stream's context must be current. An error of the kernel shows at a later synchronisation.
// (cuLaunchKernel, cuLaunchCooperativeKernel, cuLaunchKernelEx)
func (c *Call) Run(s *Stream) error {
	const op = "Call.Run"
	if c == nil || c.handle == 0 {
		return closed(op, "call")
	}
	if s.closed() {
		return closed(op, "stream")
	}
	if c.f.closed() {
		return closed(op, "function or its module")
	}
	if st := cCallRun(c.handle, s.handle); st != 0 {
		return failed(op, st, "kernel %q", c.f.name)
	}
	return nil
}

// String names the kernel and its arguments' bits, for messages.
func (c *Call) String() string {
	if c == nil || c.handle == 0 {
		return "closed call"
	}
	return fmt.Sprintf("%s%x", c.f.name, c.values)
}

// Close frees the call's memory; queued launches still run. It may be called twice.
func (c *Call) Close() error {
	if c != nil && c.handle != 0 {
		cCallFree(c.handle)
		c.handle, c.values = 0, nil
	}
	return nil
}
