package gpu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"shake/cudnn"
	"shake/cudnn/cuda"
)

// peaks measures the rates that the card reaches at best. On an emulated card, which is quick to be
// asked once, all arrays are small.
func (p *program) peaks(t *Times, repeats, launches int) (err error) {
	if t.Copy, err = p.copyRate(repeats, launches); err != nil {
		return err
	}
	t.Product, t.ProductName, err = p.productRate(repeats, launches)
	return err
}

// copyBytes is the size of the copied array: more than any card's L2.
const copyBytes = 256 << 20

// copyRate measures the card's memory by copies.
func (p *program) copyRate(repeats, launches int) (float64, error) {
	n := int64(copyBytes)
	if repeats == 1 {
		n = 1 << 20
	}
	m, err := p.dev.ctx.Alloc(2 * n)
	if err != nil {
		return 0, nil // a full card has no figure
	}
	defer m.Close()
	took, err := p.repeated(repeats, launches, func() error {
		return p.dev.streams[mainStream].CopyDevice(m.Ptr()+cuda.Ptr(n), m.Ptr(), n)
	})
	return 2 * float64(n) / took.Seconds(), err
}

// productRate measures the arithmetic of the program's precision by a product of matrices: a
// convolution of 1x1 over images whose pixels are the rows, with as many filters as channels. The
// rate is that of the best of the engines that cuDNN proposes first.
//
// The numbers are random, of 0.5 to 1 and either sign: on equal ones a card draws less power, and
// keeps a higher clock.
func (p *program) productRate(repeats, launches int) (rate float64, name string, err error) {
	const side, proposals = 16, 8
	images, channels := 64, 4096
	if repeats == 1 {
		images, channels = 1, 64
	}
	rows := images * side * side
	name = fmt.Sprintf("a product of %dx%d by %dx%d in %s", rows, channels, channels, channels, p.precision.name)
	typ := dataType(p.precision.storage)
	x, w := cudnn.NHWC(images, channels, side, side, typ), cudnn.NHWC(channels, channels, 1, 1, typ)
	plans, err := p.dnn.ConvForwardPlans(x, w, x, cudnn.ConvDesc{Compute: p.precision.compute}, planOptions(p.cfg.Deterministic)...)
	if err != nil {
		return 0, name, fmt.Errorf("gpu: %s: %w", name, err)
	}
	defer func() {
		for _, plan := range plans {
			plan.Close()
		}
	}()
	var at []cuda.Ptr
	for _, d := range []cudnn.TensorDesc{x, w, x} {
		m, err := p.dev.ctx.Alloc(d.Bytes())
		if err != nil {
			return 0, name, nil // a full card has no figure
		}
		defer m.Close()
		if err := p.scatter(m.Ptr(), d.Bytes()); err != nil {
			return 0, name, err
		}
		at = append(at, m.Ptr())
	}
	var best time.Duration
	var failed []error
	for _, plan := range plans[:min(len(plans), proposals)] {
		w := []work{{plan: plan, ptrs: at}}
		took, err := p.alone(w, 1, 1)
		if err == nil && best > 0 && took > 2*best { // a slow engine would take long to time well
			continue
		}
		if err == nil {
			took, err = p.alone(w, max(1, repeats/4), launches)
		}
		if err != nil {
			failed = append(failed, err)
		} else if best == 0 || took < best {
			best = took
		}
	}
	if best == 0 {
		return 0, name, fmt.Errorf("gpu: timing %s: %w", name, errors.Join(failed...))
	}
	return 2 * float64(rows) * float64(channels) * float64(channels) / best.Seconds(), name, nil
}

// scatter fills device memory with random numbers of the storage type, of 0.5 to 1 and either sign.
func (p *program) scatter(to cuda.Ptr, bytes int64) error {
	half, keep := uint32(0x3f00_3f00), uint32(0x807f_807f) // bfloat16: 0.5, and sign and fraction
	switch dataType(p.precision.storage) {
	case cudnn.F16:
		half, keep = 0x3800_3800, 0x83ff_83ff
	case cudnn.F32:
		half, keep = 0x3f00_0000, 0x807f_ffff
	}
	r := rand.New(rand.NewPCG(1, 1))
	b := make([]byte, min(bytes, 4<<20))
	for i := 0; i+4 <= len(b); i += 4 {
		binary.LittleEndian.PutUint32(b[i:], half|r.Uint32()&keep)
	}
	s := p.dev.streams[mainStream]
	for from := int64(0); from < bytes; from += int64(len(b)) {
		if err := s.CopyToDevice(to+cuda.Ptr(from), b[:min(bytes-from, int64(len(b)))]); err != nil {
			return err
		}
	}
	return s.Synchronize()
}
