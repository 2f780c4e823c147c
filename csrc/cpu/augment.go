package cpu

// #include "augment.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// AugmentSpec is a data set: images of C planes of H×W bytes, which NewAugment copies, and what is
// done to them:
//
//	x[n] = crop(pad(flip((pix[index] - Mean[c]) / Std[c])))
//
// in float32, with Pad zeros on every side after normalising, and a crop of H×W out of the padded
// image.
type AugmentSpec struct {
	Pix       []byte
	C, H, W   int
	Mean, Std []float64 // per plane, in units of a byte
	Pad       int
}

// Augment turns bytes of a data set into batches.
type Augment struct {
	p      *Pool
	c      *C.sk_augment
	spec   AugmentSpec
	images int
}

// NewAugment copies the data set to memory of the pool. The error says what of the spec does not
// fit.
func NewAugment(p *Pool, s AugmentSpec) (*Augment, error) {
	image := s.C * s.H * s.W
	switch {
	case min(s.C, s.H, s.W) < 1 || s.Pad < 0 || s.Pad > 63:
		return nil, fmt.Errorf("cpu: augment: images of %d×%d×%d, padding %d: want sizes of at least 1 and padding of 0 to 63", s.C, s.H, s.W, s.Pad)
	case len(s.Pix) == 0 || len(s.Pix)%image != 0:
		return nil, fmt.Errorf("cpu: augment: %d bytes are not whole images of %d", len(s.Pix), image)
	case len(s.Mean) != s.C || len(s.Std) != s.C:
		return nil, fmt.Errorf("cpu: augment: %d means and %d deviations for %d planes", len(s.Mean), len(s.Std), s.C)
	}
	table := p.Floats(s.C * 256)
	for i := range table {
		table[i] = (float32(i%256) - float32(s.Mean[i/256])) / float32(s.Std[i/256])
	}
	a := &Augment{p: p, spec: s, images: len(s.Pix) / image, c: &calloc[C.sk_augment](p, 1)[0]}
	pix := calloc[byte](p, len(s.Pix))
	copy(pix, s.Pix)
	a.spec.Pix = nil
	*a.c = C.sk_augment{pixels: (*C.uint8_t)(&pix[0]), c: C.int(s.C), h: C.int(s.H), w: C.int(s.W), pad: C.int(s.Pad), table: cfloats(table)}
	return a, nil
}

// Run writes image index[i], mirrored where flip[i] is not 0 and cropped at (dy[i], dx[i]) of the
// padded image, to image i of x, for each image of the batch. A nil flip mirrors none; a nil dy or
// dx is Pad throughout, the image where it was. It returns an error, and writes nothing, where an
// argument is too short, an index is not in the data set, a crop not in the padded image, or x has
// not the images' shape.
func (a *Augment) Run(b *Batch, index []int32, flip []uint8, dy, dx []int8, x *Tensor) error {
	n, s := b.N(), &a.spec
	if x.C != s.C || x.H != s.H || x.W != s.W || x.N < n {
		return fmt.Errorf("cpu: augment: %d images of %d×%d×%d into a tensor of %d of %d×%d×%d", n, s.C, s.H, s.W, x.N, x.C, x.H, x.W)
	}
	if len(index) < n || flip != nil && len(flip) < n || dy != nil && len(dy) < n || dx != nil && len(dx) < n {
		return fmt.Errorf("cpu: augment: %d images with %d indices, %d flips, %d and %d offsets", n, len(index), len(flip), len(dy), len(dx))
	}
	for i := range n {
		if index[i] < 0 || int(index[i]) >= a.images {
			return fmt.Errorf("cpu: augment: image %d of the batch is number %d of a data set of %d", i, index[i], a.images)
		}
		for _, d := range [][]int8{dy, dx} {
			if d != nil && (d[i] < 0 || int(d[i]) > 2*s.Pad) {
				return fmt.Errorf("cpu: augment: image %d of the batch is cropped at %d, want 0 to %d", i, d[i], 2*s.Pad)
			}
		}
	}
	C.sk_augment_run(a.p.c, a.c, b.c, (*C.int32_t)(&index[0]), (*C.uint8_t)(unsafe.SliceData(flip)), (*C.int8_t)(unsafe.SliceData(dy)),
		(*C.int8_t)(unsafe.SliceData(dx)), x.c)
	return nil
}
