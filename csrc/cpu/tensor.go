package cpu

// #include "norm_sums.h"
import "C"

import (
	"fmt"
	"unsafe"
)

const lanes = C.SK_LANES

// Arena is one piece of zeroed C memory, on huge pages where the system offers them, that tensors
// and flat parameter arrays are placed in.
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

// TensorFloats returns the floats that a tensor of n images of c channels takes:
// n*ceil(c/16)*h*w*16.
func TensorFloats(n, c, h, w int) int64 { return int64(n) * int64(blocks(c)) * int64(h*w*lanes) }

func blocks(c int) int { return (c + lanes - 1) / lanes }

// Tensor is n images of c channels of h×w float32, laid out [n][ceil(c/16)][h][w][16]; lanes beyond
// channel c hold zero.
type Tensor struct {
	N, C, H, W int
	// The first channels, any number of them, are a tensor of their own, in whose last block the lanes
	// behind may hold any finite number: no operation lets them reach its result.
	Grows bool
	c     *C.sk_tensor
}

// Tensor places a tensor at float off (a multiple of 16) of the arena. Tensors may share memory if
// their uses do not overlap in time and the writer keeps padding lanes zero, as every kernel does.
func (a *Arena) Tensor(off int64, n, c, h, w int) *Tensor {
	if off%lanes != 0 {
		panic(fmt.Sprintf("cpu: tensor at float %d, not a multiple of %d", off, lanes))
	}
	f := a.Floats(off, TensorFloats(n, c, h, w))
	t := &calloc[C.sk_tensor](&a.pool, 1)[0]
	*t = C.sk_tensor{data: (*C.float)(unsafe.SliceData(f)), image_pitch: C.int64_t(TensorFloats(1, c, h, w)),
		n: C.int(n), c: C.int(c), blocks: C.int(blocks(c)), h: C.int(h), w: C.int(w)}
	return &Tensor{N: n, C: c, H: h, W: w, c: t}
}

// image returns image i as stored.
func (t *Tensor) image(i int) []float32 {
	if i < 0 || i >= t.N {
		panic(fmt.Sprintf("cpu: image %d of %d", i, t.N))
	}
	n := int64(t.c.image_pitch)
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(t.c.data), 4*n*int64(i))), n)
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

// View is C channels of a tensor from channel Off on, read through a norm and a ReLU that are
// recomputed on load, as engine.View says. Off and NormOff are multiples of 16. C is a multiple of
// 16 or ends the tensor, or the tensor grows.
type View struct {
	T       *Tensor
	Off, C  int
	Norm    *Norm
	NormOff int
	ReLU    bool
}

// Grad is the gradient of C channels of a stored tensor Y, from YOff on, recomputed on load from a
// gradient G further up, as engine.Grad says. Mask is the output of a join with ReLU. Beta is C
// memory, one factor an image; nil is 1. Y may be nil without Norm and ReLU. Offsets are multiples
// of 16.
type Grad struct {
	G       *Tensor
	GOff, C int
	Mask    *Tensor
	MaskOff int
	Beta    []float32
	Norm    *Norm
	NormOff int
	Y       *Tensor
	YOff    int
	ReLU    bool
}

// Stats asks an operation for the forward statistics of Norm's channels, which are channels Off ..
// of its output. Those of channels before From are there, but for From's own block.
type Stats struct {
	Norm *Norm
	Off  int
	From int
}

// Sums asks an operation that writes Of.G for Norm's backward sums S1 = sum g' and S2 = sum g'*xhat
// of each image; Of.Norm is Norm.
type Sums struct {
	Norm *Norm
	Of   Grad
}

// ctensor is the header of a tensor, nil for nil.
func ctensor(t *Tensor) *C.sk_tensor {
	if t == nil {
		return nil
	}
	return t.c
}

func cnorm(n *Norm) *C.sk_norm {
	if n == nil {
		return nil
	}
	return (*C.sk_norm)(n.c)
}

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

func (v View) c() C.sk_view {
	return C.sk_view{tensor: ctensor(v.T), block0: C.int(v.Off / lanes), blocks: C.int(blocks(v.C)),
		norm: cnorm(v.Norm), norm_block0: C.int(v.NormOff / lanes), relu: cbool(v.ReLU)}
}

func (g Grad) c() C.sk_grad {
	return C.sk_grad{g: ctensor(g.G), g_block0: C.int(g.GOff / lanes), blocks: C.int(blocks(g.C)),
		mask: ctensor(g.Mask), mask_block0: C.int(g.MaskOff / lanes), beta: cfloats(g.Beta),
		norm: cnorm(g.Norm), norm_block0: C.int(g.NormOff / lanes),
		y: ctensor(g.Y), y_block0: C.int(g.YOff / lanes), relu: cbool(g.ReLU)}
}

// cview copies a view to memory of the pool; nil stays nil.
func cview(p *Pool, v *View) *C.sk_view {
	if v == nil {
		return nil
	}
	c := &calloc[C.sk_view](p, 1)[0]
	*c = v.c()
	return c
}

// cgrads copies gradients to memory of the pool.
func cgrads(p *Pool, grads []Grad) *C.sk_grad {
	c := calloc[C.sk_grad](p, len(grads))
	for i, g := range grads {
		c[i] = g.c()
	}
	return unsafe.SliceData(c)
}

// cstats and csums copy requests to C memory of the pool.
func cstats(p *Pool, stats []Stats) C.sk_stats_list {
	s := calloc[C.sk_stats](p, len(stats))
	for i, t := range stats {
		s[i] = C.sk_stats{norm: cnorm(t.Norm), block0: C.int(t.Off / lanes), from: C.int(t.From / lanes)}
	}
	return C.sk_stats_list{count: C.int(len(s)), each: unsafe.SliceData(s)}
}

func csums(p *Pool, sums []Sums) C.sk_sums_list {
	s := calloc[C.sk_sums](p, len(sums))
	for i, t := range sums {
		s[i] = C.sk_sums{norm: cnorm(t.Norm), of: t.Of.c()}
	}
	return C.sk_sums_list{count: C.int(len(s)), each: unsafe.SliceData(s)}
}
