package cpu

// #include <stdlib.h>
// #include <string.h>
// #include "tensor.h"
// #include "threads.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// Pool is a set of worker threads, and the owner of the C memory of everything made with it
// (batches, norms, operations): Close frees both. The goroutine that runs operations is worker 0.
// One operation runs at a time.
type Pool struct {
	c     *C.sk_pool
	free  []func()
	heaps []unsafe.Pointer
}

// NewPool starts a pool of workers threads, the caller's counted; workers <= 0 means one for each
// core that the process may use. Where the system refuses a thread (a container's limit, ulimit -u)
// the pool has fewer, as Workers tells: they compute the same bits.
func NewPool(workers int) *Pool {
	chooseISA() // its error is ISA's to report; the best set is in force then
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	c := C.sk_pool_new(C.int(workers))
	if started := int(C.sk_pool_workers(c)); started < workers {
		// Go's runtime needs threads too, and ends the process when it is refused one: it gets some
		// of these, and is told to do with few.
		C.sk_pool_free(c)
		runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), spareThreads/2))
		c = C.sk_pool_new(C.int(max(1, started-spareThreads)))
	}
	return &Pool{c: c}
}

// spareThreads are left to Go's runtime where the system refuses threads.
const spareThreads = 8

// Workers returns the number of threads, the caller's included.
func (p *Pool) Workers() int { return int(C.sk_pool_workers(p.c)) }

// ScratchBytes is the size of all workers' scratch.
func (p *Pool) ScratchBytes() int64 { return int64(C.sk_scratch_bytes(p.c)) }

// Close stops the workers and frees everything made with the pool. It may be called twice.
func (p *Pool) Close() {
	if p.c == nil {
		return
	}
	for i := len(p.free) - 1; i >= 0; i-- {
		p.free[i]()
	}
	p.freeHeaps()
	C.sk_pool_free(p.c)
	*p = Pool{}
}

func (p *Pool) freeHeaps() {
	for _, h := range p.heaps {
		C.free(h)
	}
	p.heaps = nil
}

// Floats returns n zeroed floats of C memory, 64-byte aligned, that live as long as the pool.
func (p *Pool) Floats(n int) []float32 {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*float32)(p.alloc(4*uintptr(n))), n)
}

// alloc returns size zeroed bytes of C memory, 64-byte aligned, that live as long as the pool.
func (p *Pool) alloc(size uintptr) unsafe.Pointer {
	m := C.sk_aligned(C.int64_t(size))
	p.heaps = append(p.heaps, m)
	return m
}

// calloc returns n zeroed values of a C type in C memory that lives as long as the pool; nil if n
// is 0.
func calloc[T any](p *Pool, n int) []T {
	if n == 0 {
		return nil
	}
	var t T
	return unsafe.Slice((*T)(p.alloc(unsafe.Sizeof(t)*uintptr(n))), n)
}
