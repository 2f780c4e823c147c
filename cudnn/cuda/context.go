package cuda

import (
	"fmt"
	"strings"
	"sync"
)

// Context is a device's primary context, the owner of memory, streams and modules.
//
// CUDA has one current context for each thread of the system. Calls that use the device require
// this context to be current and return ErrInvalidContext if it is not: lock the goroutine to its
// thread and call SetCurrent. Closing works from any thread.
type Context struct {
	device Device
	handle uintptr // 0 when closed
	mu     sync.Mutex
	open   map[string]int // open objects of the context, by kind
}

// Primary returns the device's primary context, which other libraries of the process share. It is
// not made current. Close releases it. (cuDevicePrimaryCtxRetain)
func (d Device) Primary() (*Context, error) {
	const op = "Device.Primary"
	if err := Init(); err != nil {
		return nil, err
	}
	if d.name == "" {
		return nil, invalid(op, "a device that did not come from Devices")
	}
	r := cContextRetain(d.id)
	if r.status == ErrOutOfMemory {
		return nil, &OutOfMemoryError{Op: op}
	}
	if r.status != 0 {
		return nil, failed(op, r.status, "device %d, %s", d.ordinal, d.name)
	}
	return &Context{device: d, handle: uintptr(r.value), open: map[string]int{}}, nil
}

// Device returns the card.
func (c *Context) Device() Device {
	if c == nil {
		return Device{}
	}
	return c.device
}

// Handle returns the CUcontext, for other libraries; 0 when closed.
func (c *Context) Handle() uintptr {
	if c == nil {
		return 0
	}
	return c.handle
}

// SetCurrent makes the context current on the calling thread. Lock the goroutine to the thread
// first (runtime.LockOSThread); otherwise the goroutine may move to a thread where the context is
// not current. (cuCtxSetCurrent)
func (c *Context) SetCurrent() error {
	const op = "Context.SetCurrent"
	if c.closed() {
		return closed(op, "context")
	}
	return failed(op, cContextSet(c.handle), "")
}

// IsCurrent tells whether the context is current on the calling thread. (cuCtxGetCurrent)
func (c *Context) IsCurrent() bool {
	if c.closed() {
		return false
	}
	r := cContextCurrent()
	return r.status == 0 && uintptr(r.value) == c.handle
}

// Synchronize waits until all work on every stream of the context is done, and returns its error.
// (cuCtxSynchronize)
func (c *Context) Synchronize() error {
	const op = "Context.Synchronize"
	if c.closed() {
		return closed(op, "context")
	}
	return failed(op, cContextSynchronize(c.handle), "")
}

// MemInfo returns the device's free and total memory in bytes; other processes' use counts.
// (cuMemGetInfo)
func (c *Context) MemInfo() (free, total int64, err error) {
	const op = "Context.MemInfo"
	if c.closed() {
		return 0, 0, closed(op, "context")
	}
	r := cMemInfo(c.handle)
	return int64(r.value), int64(r.more), failed(op, r.status, "")
}

// Close releases the context. It is an error without effect while an object of the context is open.
// It may be called twice. (cuDevicePrimaryCtxRelease)
func (c *Context) Close() error {
	const op = "Context.Close"
	if c.closed() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var left []string
	for _, kind := range kinds {
		if n := c.open[kind]; n > 0 {
			left = append(left, fmt.Sprintf("%d %s", n, kind))
		}
	}
	if left != nil {
		return &Error{Op: op, Status: ErrIllegalState, Detail: "still open: " + strings.Join(left, ", ")}
	}
	c.handle = 0
	return failed(op, cContextRelease(c.device.id), "")
}

func (c *Context) closed() bool { return c == nil || c.handle == 0 }

// kinds are the kinds of a context's objects, in the order that Close names them.
var kinds = []string{"memory", "pinned memory", "stream", "event", "module", "graph", "executable graph"}

// count adds by, 1 or -1, to the open objects of a kind.
func (c *Context) count(kind string, by int) {
	c.mu.Lock()
	c.open[kind] += by
	c.mu.Unlock()
}
