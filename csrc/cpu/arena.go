package cpu

// #include "arena.h"
// #include "sk.h"
import "C"

import (
	"fmt"
	"unsafe"
)

const lanes = C.SK_B

// Arena is one piece of zeroed C memory, on huge pages where the system offers them, that tensors and flat parameter arrays are placed in.
type Arena struct {
	base unsafe.Pointer
	n    int64
	pool Pool // of headers: never started
}

// NewArena makes an arena of floats float32. The error says that the system has no memory for it.
func NewArena(floats int64) (*Arena, error) {
	a := &Arena{n: floats}
	if floats > 0 {
		a.base = C.sk_try_map(C.int64_t(4 * floats))
		if a.base == nil {
			return nil, fmt.Errorf("cpu: the system has no %d MB of memory for tensors; use a smaller batch", 4*floats>>20)
		}
	}
	return a, nil
}

// Close frees the arena and every tensor header made from it. It may be called twice.
func (a *Arena) Close() {
	if a.base != nil {
		C.sk_unmap(a.base, C.int64_t(4*a.n))
		a.base = nil
	}
	a.pool.freeHeaps()
}

// Floats returns floats off .. off+n-1 as a slice of C memory.
func (a *Arena) Floats(off, n int64) []float32 {
	if off < 0 || n < 0 || off+n > a.n {
		panic(fmt.Sprintf("cpu: floats %d to %d of an arena of %d", off, off+n, a.n))
	}
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Add(a.base, 4*off)), n)
}

// TensorFloats returns the floats that a tensor of n images of c channels takes: n*ceil(c/16)*h*w*16.
func TensorFloats(n, c, h, w int) int64 { return int64(n) * int64(blocks(c)) * int64(h*w*lanes) }

func blocks(c int) int { return (c + lanes - 1) / lanes }

// Tensor is n images of c channels of h×w float32, laid out [n][ceil(c/16)][h][w][16]; lanes beyond channel c hold zero.
type Tensor struct {
	N, C, H, W int
	c          *C.sk_tensor
}

// Tensor places a tensor at float off (a multiple of 16) of the arena. Tensors may share memory if their uses do not overlap in time and the
// writer keeps padding lanes zero, as every kernel does.
func (a *Arena) Tensor(off int64, n, c, h, w int) *Tensor {
	if off%lanes != 0 {
		panic(fmt.Sprintf("cpu: tensor at float %d, not a multiple of %d", off, lanes))
	}
	f := a.Floats(off, TensorFloats(n, c, h, w))
	t := &calloc[C.sk_tensor](&a.pool, 1)[0]
	*t = C.sk_tensor{p: (*C.float)(unsafe.SliceData(f)), image: C.int64_t(TensorFloats(1, c, h, w)),
		n: C.int(n), c: C.int(c), cb: C.int(blocks(c)), h: C.int(h), w: C.int(w)}
	return &Tensor{N: n, C: c, H: h, W: w, c: t}
}

// image returns image i as stored.
func (t *Tensor) image(i int) []float32 {
	if i < 0 || i >= t.N {
		panic(fmt.Sprintf("cpu: image %d of %d", i, t.N))
	}
	n := int64(t.c.image)
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(t.c.p), 4*n*int64(i))), n)
}

// Set stores image i from plain C×H×W order; padding lanes become zero.
func (t *Tensor) Set(i int, chw []float32) {
	im, hw := t.image(i), t.H*t.W
	clear(im)
	for c := range t.C {
		for j, v := range chw[c*hw : (c+1)*hw] {
			im[(c/lanes*hw+j)*lanes+c%lanes] = v
		}
	}
}

// Get returns image i in plain C×H×W order.
func (t *Tensor) Get(i int) []float32 {
	im, hw := t.image(i), t.H*t.W
	chw := make([]float32, t.C*hw)
	for j := range chw {
		c, j := j/hw, j%hw
		chw[c*hw+j] = im[(c/lanes*hw+j)*lanes+c%lanes]
	}
	return chw
}
