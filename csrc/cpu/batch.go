package cpu

// #include "tensor.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Batch is how many images the operations of a program run over, and which replica each belongs to.
type Batch struct {
	c       *C.sk_batch
	max     int
	replica []int32
	count   []int32
}

// NewBatch makes a batch of at most maxN images and replicas replicas; Set must follow.
func NewBatch(p *Pool, maxN, replicas int) *Batch {
	b := &Batch{c: &calloc[C.sk_batch](p, 1)[0], max: maxN, replica: calloc[int32](p, maxN), count: calloc[int32](p, replicas)}
	b.c.replicas = C.int(replicas)
	b.c.replica = (*C.int32_t)(unsafe.SliceData(b.replica))
	b.c.count = (*C.int32_t)(unsafe.SliceData(b.count))
	return b
}

// Set says that n images follow, 1 <= n <= maxN. Replica r owns images ceil(r*n/R) ..
// ceil((r+1)*n/R)-1.
func (b *Batch) Set(n int) {
	if n < 1 || n > b.max {
		panic(fmt.Sprintf("cpu: batch of %d images, want 1 to %d", n, b.max))
	}
	b.c.n = C.int(n)
	r := len(b.count)
	cut := func(i int) int { return (i*n + r - 1) / r }
	for i := range b.count {
		b.count[i] = int32(cut(i+1) - cut(i))
		for j := cut(i); j < cut(i+1); j++ {
			b.replica[j] = int32(i)
		}
	}
}

// N returns the number of images.
func (b *Batch) N() int { return int(b.c.n) }
