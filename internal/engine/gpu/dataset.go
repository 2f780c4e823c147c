package gpu

import (
	"errors"
	"fmt"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
	"shake/internal/engine"
)

// dataSet is a data set in device memory: pixels as bytes, every byte's normalised value, labels.
type dataSet struct {
	n     int
	owned []*cuda.Memory // pixels, table, labels
}

func (p *program) upload(im *engine.Images) (*dataSet, error) {
	if im == nil || im.N == 0 {
		return nil, nil
	}
	d := &dataSet{n: im.N}
	for _, b := range [][]byte{im.Pix, cuda.Bytes(kernels.AugmentTable(im.Mean, im.Std)), cuda.Bytes(im.Labels)} {
		m, err := p.dev.ctx.Alloc(int64(len(b)))
		if err == nil {
			d.owned = append(d.owned, m)
			err = p.dev.streams[mainStream].CopyToDevice(m.Ptr(), b)
		}
		if err != nil {
			d.close()
			return nil, fmt.Errorf("gpu: %d images of %dx%dx%d: %w", im.N, im.C, im.H, im.W, err)
		}
	}
	return d, nil
}

func (d *dataSet) close() {
	if d == nil {
		return
	}
	for _, m := range d.owned {
		m.Close()
	}
}

// Load implements engine.Program. The error is a *MemoryError where the card has no room for the
// images beside the network.
func (p *program) Load(train, test *engine.Images) error {
	in := p.list.Plan.Buffers[0]
	for _, im := range []*engine.Images{train, test} {
		if err := im.Check(in.C, in.H, in.W, p.list.Plan.Graph.Classes); err != nil {
			return fmt.Errorf("gpu: loading images: %w", err)
		}
	}
	if train != nil && p.group != nil {
		if ragged := train.N % p.all.Batch; ragged > 0 {
			if err := p.share.Fits(ragged); err != nil {
				return fmt.Errorf("gpu: the last batch of an epoch: %w", err)
			}
		}
	}
	return p.thread.do(func() error { return p.backend.Group.work(func() error { return p.loadImages(train, test) }) })
}

// loadImages copies the images to the card.
func (p *program) loadImages(train, test *engine.Images) error {
	var sets [2]*dataSet
	for i, im := range []*engine.Images{train, test} {
		var err error
		if sets[i], err = p.upload(im); err != nil {
			sets[0].close()
			var full *cuda.OutOfMemoryError
			if errors.As(err, &full) {
				data := train.Bytes() + test.Bytes()
				return p.tooLarge(p.need+p.workspaceBytes()+data, data)
			}
			return err
		}
	}
	if err := p.dev.streams[mainStream].Synchronize(); err != nil {
		return err
	}
	p.dropRunners() // runners hold the old addresses
	for i, d := range sets {
		p.sets[i].close()
		p.sets[i] = d
		for j := range 3 {
			w := []ArgKind{TrainPixels, EvalPixels}[i] + ArgKind(j)
			if p.dev.single[w] = 0; d != nil {
				p.dev.single[w] = d.owned[j].Ptr()
			}
		}
	}
	return nil
}
