package gpu

import (
	"fmt"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
	"shake/internal/engine"
)

// device is the memory of a program on a card. All of it belongs to one thread.
type device struct {
	ctx     *cuda.Context
	streams [allStreams]*cuda.Stream // that of several cards only where there are several
	owned   []*cuda.Memory
	single  [argKinds]cuda.Ptr // arrays of which a program has one
	bytes   [argKinds]int64
	arena   cuda.Ptr
	norms   [5][]cuda.Ptr // Norm, Running, GammaAt, BetaAt, Replica0 by NormID
	held    int64         // bytes allocated, data sets and workspaces not included
}

// alloc reserves device memory and keeps it until the end. No bytes: no address.
func (d *device) alloc(bytes int64) (cuda.Ptr, error) {
	if bytes == 0 {
		return 0, nil
	}
	m, err := d.ctx.Alloc(bytes)
	if err != nil {
		return 0, err
	}
	d.owned = append(d.owned, m)
	return m.Ptr(), nil
}

// allocate reserves all memory of l.
func (d *device) allocate(l *List) error {
	var err error
	if d.bytes, err = l.sizes(); err != nil {
		return err
	}
	if d.arena, err = d.alloc(int64(l.Arena)); err != nil {
		return err
	}
	d.held = int64(l.Arena)
	for w, n := range d.bytes {
		if d.single[w], err = d.alloc(n); err != nil {
			return err
		}
		d.held += n
	}
	d.single[Index] = d.single[StepRecord] + stepBytes
	if l.Type == kernels.F32 {
		d.single[Storage] = d.single[Weights] // convolutions read the weights themselves
	}
	for id := range l.Plan.Norms {
		for i, n := range l.normSizes(engine.NormID(id)) {
			p, err := d.alloc(n)
			if err != nil {
				return err
			}
			d.norms[i] = append(d.norms[i], p)
			d.held += n
		}
	}
	return nil
}

// openStreams makes the streams. Where blocks of several wait for room on the card, those of the
// branches go first.
func (d *device) openStreams(several bool) error {
	least, greatest, err := d.ctx.StreamPriorities()
	if err != nil {
		return err
	}
	for i := range d.streams {
		if i == cardsStream && !several {
			continue
		}
		priority := least
		if i == mainStream || i == branchStream {
			priority = greatest
		}
		if d.streams[i], err = d.ctx.NewStreamPriority(priority); err != nil {
			return err
		}
	}
	return nil
}

// address resolves an argument to its address.
func (d *device) address(l *List, a Arg) cuda.Ptr {
	switch a.Kind {
	case Activation:
		return d.arena + cuda.Ptr(l.Plan.Buffers[a.Index].Offset)
	case Norm, Running, GammaAt, BetaAt, Replica0:
		return d.norms[a.Kind-Norm][a.Index]
	case Moments:
		return d.single[Moments] + cuda.Ptr(kernels.MomentsSize*a.Index)
	case Weights, Velocity, Average, Gradients:
		return d.single[a.Kind] + cuda.Ptr(4*a.Index)
	case Storage:
		return d.single[a.Kind] + cuda.Ptr(l.Type.Size()*a.Index)
	case Partial, Counter, Sums:
		return d.single[a.Kind] + cuda.Ptr(int64(a.Index)*d.bytes[a.Kind]/streams)
	}
	return d.single[a.Kind]
}

// place resolves p to its address for replica r, whose first image is number lo of the batch.
func (d *device) place(l *List, p place, r, lo int) cuda.Ptr {
	return d.address(l, p.arg) + cuda.Ptr(p.off+p.replica*int64(r)+p.image*int64(lo))
}

// initialize writes the arrays that never change.
func (d *device) initialize(l *List) error {
	up := func(w ArgKind, data []byte) error { return d.streams[mainStream].CopyToDevice(d.single[w], data) }
	zero := func(w ArgKind) error { return d.streams[mainStream].Memset8(d.single[w], 0, d.bytes[w]) }
	for _, err := range []error{
		up(PackFrom, cuda.Bytes(l.Params.From)), up(PackTo, cuda.Bytes(l.Params.To)),
		zero(Counter), zero(Gradients), zero(PackedGrads),
	} {
		if err != nil {
			return fmt.Errorf("gpu: preparing memory: %w", err)
		}
	}
	for id := range l.Plan.Norms {
		gamma, beta := l.normIndex(engine.NormID(id))
		if err := d.streams[mainStream].CopyToDevice(d.norms[GammaAt-Norm][id], cuda.Bytes(gamma)); err != nil {
			return err
		}
		if err := d.streams[mainStream].CopyToDevice(d.norms[BetaAt-Norm][id], cuda.Bytes(beta)); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) close() {
	for _, m := range d.owned {
		m.Close()
	}
	for _, s := range d.streams {
		s.Close()
	}
	d.ctx.Close()
}
