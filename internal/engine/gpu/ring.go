package gpu

import (
	"encoding/binary"
	"fmt"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
)

// ring sends the changing data of each step to the device: a record and the indexes of the images,
// by asynchronous copies out of pinned memory. A slot is used again only after its copy is done; an
// event for every quarter of the ring tells this. The host waits only when all slots are under way.
type ring struct {
	memory *cuda.Pinned
	slots  int // a multiple of 4
	slot   int // bytes
	next   int
	marks  [4]*cuda.Event
	marked [4]bool
}

// stepSlots is the largest number of steps under way, more than the steps of an epoch in the
// published recipes; evalSlots is that of the batches of an evaluation.
const (
	stepSlots = 2048
	evalSlots = 64
)

// newRing makes a ring of so many slots, for so many indexes at most each.
func newRing(ctx *cuda.Context, slots, indexes int) (*ring, error) {
	r := &ring{slots: slots, slot: (stepBytes + 4*indexes + 63) &^ 63}
	var err error
	if r.memory, err = ctx.AllocPinned(int64(slots * r.slot)); err != nil {
		return nil, fmt.Errorf("gpu: memory for the records of steps: %w", err)
	}
	for i := range r.marks {
		if r.marks[i], err = ctx.NewEvent(false); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// send queues the copy of a pass's record and indexes to dst. serial numbers the passes. Mixed
// images have more indexes.
func (r *ring) send(stream *cuda.Stream, dst cuda.Ptr, s kernels.Step, serial uint32, index []int32) error {
	quarter := r.slots / 4
	q := r.next / quarter
	if r.next%quarter == 0 && r.marked[q] {
		if r.marks[q].Query() != nil {
			if err := r.marks[q].Synchronize(); err != nil {
				return err
			}
		}
	}
	b := r.memory.Bytes()[r.next*r.slot:][:stepBytes+4*len(index)]
	putStep(b, s)
	binary.LittleEndian.PutUint32(b[serialAt:], serial)
	for i, x := range index {
		binary.LittleEndian.PutUint32(b[stepBytes+4*i:], uint32(x))
	}
	if err := stream.CopyToDevice(dst, b); err != nil {
		return err
	}
	if r.next++; r.next%quarter == 0 {
		if err := r.marks[q].Record(stream); err != nil {
			return err
		}
		r.marked[q] = true
		r.next %= r.slots
	}
	return nil
}

func (r *ring) close() {
	if r == nil {
		return
	}
	for _, e := range r.marks {
		if e != nil {
			e.Close()
		}
	}
	r.memory.Close()
}
