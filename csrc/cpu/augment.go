package cpu

// #cgo noescape sk_augment_run
// #cgo nocallback sk_augment_run
// #include "augment.h"
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// AugmentSpec is a data set: images of C planes of H×W bytes, which NewAugment copies. A batch of
// them is
//
//	x[n] = holes(crop(pad(flip((pix[index] - Mean[c]) / Std[c]))))
//
// in float32, with Pad zeros on every side after normalising, a crop of H×W out of the padded
// image, and zeros in its holes.
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

// Hole is rows Y0 .. Y1-1 of columns X0 .. X1-1 of an image, in the layout of sk_hole.
type Hole struct{ Y0, Y1, X0, X1 int16 }

// Draws are the changes to the images of a batch. A nil Flip mirrors none; a nil DY or DX is Pad
// throughout, the image where it was; nil Holes are none.
type Draws struct {
	Flip   []uint8
	DY, DX []int8
	Holes  [][2]Hole
	// Partner is by image the image of the batch that is mixed in, with 1-Weight; nil: none
	Partner []int32
	Weight  float64
}

// Run writes image index[i], mirrored where Flip[i] is not 0, cropped at (DY[i], DX[i]) of the
// padded image and zero in Holes[i], to image i of x, for each image of the batch; with Partner,
// Weight times that and 1-Weight times the same of image Partner[i] of the batch. It returns an
// error, and writes nothing, where an argument is too short, an index is not in the data set, a
// crop not in the padded image, a hole not in the image, or x has not the images' shape.
func (a *Augment) Run(b *Batch, index []int32, d Draws, x *Tensor) error {
	n, s := b.N(), &a.spec
	flip, dy, dx := d.Flip, d.DY, d.DX
	if x.C != s.C || x.H != s.H || x.W != s.W || x.N < n {
		return fmt.Errorf("cpu: augment: %d images of %d×%d×%d into a tensor of %d of %d×%d×%d", n, s.C, s.H, s.W, x.N, x.C, x.H, x.W)
	}
	if len(index) < n || flip != nil && len(flip) < n || dy != nil && len(dy) < n || dx != nil && len(dx) < n || d.Holes != nil && len(d.Holes) < n || d.Partner != nil && len(d.Partner) < n {
		return fmt.Errorf("cpu: augment: %d images with %d indices, %d flips, %d and %d offsets, %d pairs of holes, %d partners", n, len(index), len(flip), len(dy), len(dx), len(d.Holes), len(d.Partner))
	}
	for i := range n {
		if index[i] < 0 || int(index[i]) >= a.images {
			return fmt.Errorf("cpu: augment: image %d of the batch is number %d of a data set of %d", i, index[i], a.images)
		}
		if d.Partner != nil && (d.Partner[i] < 0 || int(d.Partner[i]) >= n) {
			return fmt.Errorf("cpu: augment: image %d of the batch is mixed with image %d of %d", i, d.Partner[i], n)
		}
		for _, d := range [][]int8{dy, dx} {
			if d != nil && (d[i] < 0 || int(d[i]) > 2*s.Pad) {
				return fmt.Errorf("cpu: augment: image %d of the batch is cropped at %d, want 0 to %d", i, d[i], 2*s.Pad)
			}
		}
		for k := range 2 {
			if d.Holes != nil && !d.Holes[i][k].within(s.H, s.W) {
				return fmt.Errorf("cpu: augment: image %d of the batch has a hole %+v, want it within %d×%d", i, d.Holes[i][k], s.H, s.W)
			}
		}
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	draws := C.sk_augment_draws{flip: (*C.uint8_t)(pinned(&pin, flip)), dy: (*C.int8_t)(pinned(&pin, dy)), dx: (*C.int8_t)(pinned(&pin, dx)), holes: (*C.sk_hole)(pinned(&pin, d.Holes)),
		partner: (*C.int32_t)(pinned(&pin, d.Partner)), weight: C.float(d.Weight), rest: C.float(1 - d.Weight)}
	C.sk_augment_run(a.p.c, a.c, b.c, (*C.int32_t)(&index[0]), &draws, x.c)
	return nil
}

func (h Hole) within(height, width int) bool {
	return h.Y0 >= 0 && int(h.Y1) <= height && h.X0 >= 0 && int(h.X1) <= width
}

// pinned is the address of a slice's first element, for C; nil for an empty one.
func pinned[T any](p *runtime.Pinner, s []T) unsafe.Pointer {
	if len(s) == 0 {
		return nil
	}
	p.Pin(&s[0])
	return unsafe.Pointer(&s[0])
}
