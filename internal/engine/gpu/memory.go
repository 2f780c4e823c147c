package gpu

import (
	kernels "shake/csrc/cuda"
	"shake/internal/engine"
	"shake/internal/graph"
)

// alignment of every buffer, in bytes: a cache line pair, and what cuDNN asks of its fastest engines many times over.
const alignment = 256

func align(n int64) int64 { return (n + alignment - 1) &^ (alignment - 1) }

// arrange fills lifetimes, sizes and offsets of all buffers. The input is written by the first op.
func (l *List) arrange() {
	bufs := l.Plan.Buffers
	for i := range bufs {
		b := &bufs[i]
		b.First, b.Last, b.InPlace = engine.None, 0, engine.None
		b.Size = int(align(int64(l.Batch) * int64(round(b.C)*b.H*b.W) * int64(l.Type.Size())))
	}
	for i, o := range l.Ops {
		o.uses(func(b BufID, write bool) {
			if bufs[b].First == engine.None {
				bufs[b].First = i
			}
			bufs[b].Last = i
		})
	}
	var spans []*engine.Span
	var ids []int
	for i, b := range bufs {
		if b.First != engine.None {
			spans, ids = append(spans, &engine.Span{First: b.First, Last: b.Last, Size: b.Size}), append(ids, i)
		}
	}
	l.Arena = engine.Arrange(spans)
	for i, id := range ids {
		bufs[id].Offset = spans[i].Offset
	}
}

// Memory is what a program asks of a device, in bytes, without the data set and what cuDNN needs to work in.
type Memory struct {
	Activations int64 // and their gradients: the arena
	Parameters  int64 // weights, momentum, gradients, copies in the storage type, packed filters
	Norms       int64 // coefficients and running statistics
}

// Total is the sum.
func (m Memory) Total() int64 { return m.Activations + m.Parameters + m.Norms }

// Memory counts the bytes of a list.
func (l *List) Memory() Memory {
	p := &l.Params
	m := Memory{Activations: int64(l.Arena)}
	m.Parameters = 3 * align(4*int64(p.Floats))
	if l.Type != kernels.F32 {
		m.Parameters += align(int64(l.Type.Size()) * int64(p.Floats))
	}
	m.Parameters += align(int64(l.Type.Size())*int64(p.Packed)) + 2*align(4*int64(p.Packed)) + align(4*int64(p.Loose))
	for _, n := range l.Plan.Norms {
		m.Norms += align(4 * normFloats * int64(l.Replicas) * int64(round(n.X.C)))
	}
	return m
}

// normFloats are a norm's numbers a replica and channel: seven coefficients and two running statistics.
const normFloats = 9

// LargestBatch is the largest multiple of replicas whose memory for g is at most free bytes beside other ones; 0 if there is none. It looks no further than most.
func LargestBatch(g *graph.Graph, t kernels.Type, replicas, most int, free, other int64) (int, error) {
	lo, hi := 0, most/replicas // lo fits, hi+1 does not
	for lo < hi {
		mid := (lo + hi + 1) / 2
		l, err := Lower(g, t, mid*replicas, replicas)
		if err != nil {
			return 0, err
		}
		if l.Memory().Total()+other <= free {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo * replicas, nil
}
