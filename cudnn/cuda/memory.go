package cuda

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Ptr is an address in a device's memory: a number for arithmetic and for arguments of kernels. 0
// is no address.
type Ptr uint64

// Memory is a piece of device memory.
type Memory struct {
	ctx  *Context
	ptr  Ptr // 0 when closed
	size int64
}

// Alloc reserves bytes of device memory, aligned to 256, with undefined content. It fails with
// *OutOfMemoryError, which tells the free memory, and with ErrInvalidContext on a thread where the
// context is not current. (cuMemAlloc)
func (c *Context) Alloc(bytes int64) (*Memory, error) {
	const op = "Context.Alloc"
	if c.closed() {
		return nil, closed(op, "context")
	}
	if bytes <= 0 {
		return nil, invalid(op, "%d bytes, want at least 1", bytes)
	}
	r := cAlloc(c.handle, bytes)
	if r.status != 0 {
		return nil, c.noMemory(op, r.status, bytes)
	}
	c.count("memory", 1)
	return &Memory{c, Ptr(r.value), bytes}, nil
}

// noMemory makes the error of an allocation.
func (c *Context) noMemory(op string, s Status, want int64) error {
	if s != ErrOutOfMemory {
		return failed(op, s, "%d bytes", want)
	}
	e := &OutOfMemoryError{Op: op, Want: want}
	e.Free, e.Total, _ = c.MemInfo() // both stay 0 if the driver does not say
	return e
}

// Ptr returns the address; 0 when closed.
func (m *Memory) Ptr() Ptr {
	if m == nil {
		return 0
	}
	return m.ptr
}

// Size returns the bytes asked for; 0 when closed.
func (m *Memory) Size() int64 {
	if m == nil || m.ptr == 0 {
		return 0
	}
	return m.size
}

// Close frees the memory once all queued work that uses it is done. It may be called twice, and
// from any thread. (cuMemFree)
func (m *Memory) Close() error {
	if m == nil || m.ptr == 0 {
		return nil
	}
	p := m.ptr
	m.ptr = 0
	m.ctx.count("memory", -1)
	return failed("Memory.Close", cFree(m.ctx.handle, p), "")
}

// Pinned is memory of the host that the device reads and writes directly: copies from and to it are
// asynchronous.
type Pinned struct {
	ctx   *Context
	bytes []byte // nil when closed
}

// AllocPinned reserves page-locked memory of the host. It fails with *OutOfMemoryError, and with
// ErrInvalidContext on a thread where the context is not current. (cuMemHostAlloc)
func (c *Context) AllocPinned(bytes int64) (*Pinned, error) {
	const op = "Context.AllocPinned"
	if c.closed() {
		return nil, closed(op, "context")
	}
	if bytes <= 0 {
		return nil, invalid(op, "%d bytes, want at least 1", bytes)
	}
	r := cAllocHost(c.handle, bytes)
	if r.status == ErrOutOfMemory {
		return nil, &OutOfMemoryError{Op: op, Want: bytes}
	}
	if r.status != 0 {
		return nil, failed(op, r.status, "%d bytes", bytes)
	}
	p := &Pinned{c, cBytes(uintptr(r.value), bytes)}
	notePinned(p.bytes)
	c.count("pinned memory", 1)
	return p, nil
}

// Bytes returns the memory; nil when closed. Slices of it must not be used after Close.
func (p *Pinned) Bytes() []byte {
	if p == nil {
		return nil
	}
	return p.bytes
}

// Size returns the bytes asked for; 0 when closed.
func (p *Pinned) Size() int64 { return int64(len(p.Bytes())) }

// Close frees the memory. Synchronise the streams that copy from or to it first. It may be called
// twice, and from any thread. (cuMemFreeHost)
func (p *Pinned) Close() error {
	if p == nil || p.bytes == nil {
		return nil
	}
	b := p.bytes
	p.bytes = nil
	forgetPinned(b)
	p.ctx.count("pinned memory", -1)
	return failed("Pinned.Close", cFreeHost(p.ctx.handle, address(b)), "")
}

// span is a range of the host's addresses.
type span struct{ from, to uintptr }

// pinned holds every open piece of pinned memory, by address. Readers take a snapshot of the list;
// writers replace it.
var (
	pinned   atomic.Pointer[[]span]
	pinnedMu sync.Mutex
)

func notePinned(b []byte) {
	pinnedMu.Lock()
	defer pinnedMu.Unlock()
	s := span{address(b), address(b) + uintptr(len(b))}
	var list []span
	if old := pinned.Load(); old != nil {
		list = *old
	}
	i, _ := slices.BinarySearchFunc(list, s.from, func(s span, p uintptr) int { return cmp.Compare(s.from, p) })
	list = slices.Insert(slices.Clone(list), i, s)
	pinned.Store(&list)
}

func forgetPinned(b []byte) {
	pinnedMu.Lock()
	defer pinnedMu.Unlock()
	list := slices.DeleteFunc(slices.Clone(*pinned.Load()), func(s span) bool { return s.from == address(b) })
	pinned.Store(&list)
}

// isPinned tells whether all of b is pinned memory of one piece.
func isPinned(b []byte) bool {
	list := pinned.Load()
	if list == nil {
		return false
	}
	p := address(b)
	lo, hi := 0, len(*list) // the last span that begins at or before p is lo-1
	for lo < hi {
		if mid := (lo + hi) / 2; (*list)[mid].from <= p {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo > 0 && p+uintptr(len(b)) <= (*list)[lo-1].to
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// Bytes returns the memory of a slice of numbers as bytes, in the machine's byte order, for copies.
// The result shares the slice's memory.
func Bytes[T ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int8 | ~int16 | ~int32 | ~int64 | ~float32 | ~float64](s []T) []byte {
	var t T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(t)))
}
