package gpu

import (
	"cmp"
	"slices"

	kernels "shake/csrc/cuda"
	"shake/internal/engine"
	"shake/internal/graph"
)

// alignment of every buffer, in bytes: a pair of cache lines, and a multiple of the alignment that
// cuDNN's fastest engines require.
const alignment = 256

func align(n int64) int64 { return (n + alignment - 1) &^ (alignment - 1) }

// arrange fills sizes, offsets, and the first and last op of all buffers. Two buffers share memory
// only where every op that uses one is ordered before every op that uses the other. The input is
// written by the first op.
func (l *List) arrange(before []bits) {
	bufs := l.Plan.Buffers
	users, ahead := make([]bits, len(bufs)), make([]bits, len(bufs)) // ahead: before all users
	for i := range bufs {
		b := &bufs[i]
		b.First, b.Last, b.InPlace = engine.None, 0, engine.None
		b.Size = int(align(int64(l.Batch) * int64(round(b.C)*b.H*b.W) * int64(l.Type.Size())))
		users[i] = newBits(len(l.Ops))
	}
	for i, o := range l.Ops {
		o.uses(func(b BufID, write bool) {
			if bufs[b].First == engine.None {
				bufs[b].First, ahead[b] = i, slices.Clone(before[i])
			}
			bufs[b].Last = i
			users[b].set(i)
			ahead[b].and(before[i])
		})
	}
	var ids, sizes []int
	for i, b := range bufs {
		if b.First != engine.None {
			ids, sizes = append(ids, i), append(sizes, b.Size)
		}
	}
	offsets, total := engine.Place(sizes, func(i, j int) bool {
		a, b := ids[i], ids[j]
		return !users[a].within(ahead[b]) && !users[b].within(ahead[a])
	})
	l.Arena = total
	for i, id := range ids {
		bufs[id].Offset = offsets[i]
	}
}

// Memory is a program's need of device memory, in bytes, without the data set and cuDNN's
// workspaces.
type Memory struct {
	Activations int64 // activations and their gradients: the arena
	// weights, momentum, gradients, copies in the storage type, packed filters, scratch, records
	Single int64
	Norms  int64 // coefficients, running statistics, indexes
}

// Total is the sum of all parts.
func (m Memory) Total() int64 { return m.Activations + m.Single + m.Norms }

// Memory counts the bytes of a list.
func (l *List) Memory() (Memory, error) {
	m := Memory{Activations: int64(l.Arena)}
	sizes, err := l.sizes()
	for _, n := range sizes {
		m.Single += align(n)
	}
	for id := range l.Plan.Norms {
		for _, n := range l.normSizes(engine.NormID(id)) {
			m.Norms += align(n)
		}
	}
	return m, err
}

// sizes are the bytes of every array of which a program has one, for steps and evaluations.
func (l *List) sizes() ([argKinds]int64, error) {
	s, err := l.ownSizes()
	if l.Eval == nil || err != nil {
		return s, err
	}
	e, err := l.Eval.ownSizes()
	for k := range s {
		s[k] = max(s[k], e[k])
	}
	return s, err
}

// ownSizes is sizes without the evaluation of a step.
func (l *List) ownSizes() ([argKinds]int64, error) {
	p, t, n, all := &l.Params, int64(l.Type.Size()), int64(l.Batch), int64(l.all())
	c, classes := int64(l.Plan.Head.Op.X.C), int64(l.Plan.Graph.Classes)
	counters, partial, err := l.scratch()
	s := [argKinds]int64{
		Weights: 4 * int64(p.Floats), Velocity: 4 * int64(p.Floats), Gradients: 4 * int64(p.Floats),
		Packed: t * int64(p.Packed), PackedGrads: 4 * int64(p.Packed), PackFrom: 4 * int64(p.Packed), PackTo: 4 * int64(p.Loose),
		Partial: streams * align(4*int64(partial)), Counter: streams * align(4*int64(counters)), Sums: streams * align(l.sumsSize()), LossScale: kernels.ScalerSize,
		StepRecord: stepBytes + 4*int64(kernels.IndexWords(l.Batch, l.Recipe.Mixup)), TrainTotals: kernels.TotalsSize, EvalTotals: kernels.TotalsSize,
		Moments: kernels.MomentsSize * int64(l.Moments),
		Mean:    4 * n * c, DLogits: 4 * n * classes, Logits: 4 * all * classes, Loss: 4 * all, Wrong: 4 * all,
	}
	if l.Recipe.Average {
		s[Average] = 4 * int64(p.Floats)
	}
	if l.Recipe.Clip {
		s[ClipFactor] = kernels.ClipSize
	}
	if l.Type != kernels.F32 {
		s[Storage] = t * int64(p.Floats)
	}
	return s, err
}

// scratch is the largest need of any launch of a full batch: counters and floats.
func (l *List) scratch() (counters, partial int, err error) {
	counters, partial = max(1, l.spareCounters), max(1, l.spare)
	for _, o := range l.Ops {
		k, err := l.launch(o, l.mode(o), engine.Config{})
		if err != nil {
			return 0, 0, err
		}
		if k != nil {
			counters, partial = max(counters, k.Kernel.Counters()), max(partial, k.Kernel.Scratch(cmp.Or(k.N, l.Batch)))
		}
	}
	return counters, partial, nil
}

// reserve makes scratch for the launches of rivals.
func (l *List) reserve(rs []*rival) {
	for _, r := range rs {
		for _, k := range r.after {
			l.spare = max(l.spare, k.Kernel.Scratch(cmp.Or(k.N, l.Batch)))
			l.spareCounters = max(l.spareCounters, k.Kernel.Counters())
		}
	}
}

// normSizes are the bytes of a norm's coefficients, running statistics, indexes of scales and
// shifts, and on several cards replica 0's running statistics.
func (l *List) normSizes(id engine.NormID) [5]int64 {
	n := 4 * int64(l.normWidth(id))
	s := [5]int64{7 * n * int64(l.Replicas), 2 * n * int64(l.Replicas), n, n}
	if l.Several != nil {
		s[Replica0-Norm] = s[Running-Norm]
	}
	return s
}

// LargestBatch is the largest multiple of replicas, at most most, for which the memory of g and
// other bytes together are at most free bytes; 0 if there is none.
func LargestBatch(g *graph.Graph, t kernels.Type, replicas, most int, r Recipe, free, other int64) (int, error) {
	lo, hi := 0, most/replicas // lo fits, hi+1 does not
	for lo < hi {
		mid := (lo + hi + 1) / 2
		l, err := Lower(g, t, mid*replicas, replicas, r)
		if err != nil {
			return 0, err
		}
		m, err := l.Memory()
		if err != nil {
			return 0, err
		}
		if m.Total()+other <= free {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo * replicas, nil
}
