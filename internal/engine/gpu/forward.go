package gpu

import "slices"

// An evaluation keeps few activations at a time, a training step those of the whole forward pass.
// In the memory of the step an evaluation therefore has room for larger batches: a test set takes
// fewer launches, each with more to do.

// evalSizes are the batches that an evaluation may have instead of a step's, the largest first:
// divisors of 10,000, the images of CIFAR's test sets, so that none of their batches is ragged.
var evalSizes = []int{1000, 625, 500, 400, 250, 200, 125, 100, 80, 50, 40, 25, 20, 16, 10, 8, 5, 4, 2}

// evaluationBatch is the batch of an evaluation in the memory of l's step: the largest of evalSizes
// that fits there, with the operands that cuDNN packs. Less than twice the step's is not worth
// plans of its own: then it is the step's.
func (l *List) evaluationBatch() int {
	one := l.forwardPass(l.Batch, l.Batch)
	packed := int64(0)
	for _, o := range one.Ops {
		packed = max(packed, one.packing(o))
	}
	each := (int64(one.Arena) + packed + int64(l.Batch) - 1) / int64(l.Batch)
	for _, n := range evalSizes {
		if n >= 2*l.Batch && int64(n)*each <= int64(l.Arena) {
			return n
		}
	}
	return l.Batch
}

// forwardPass is the list of an evaluation: the forward pass of l for a batch of n images, of which
// all cards have so many, with the kernels, streams and buffers of l's step.
func (l *List) forwardPass(n, all int) *List {
	plan := *l.Plan
	plan.Buffers = slices.Clone(plan.Buffers)
	e := *l
	e.Plan, e.Batch, e.Forward, e.Eval, e.spare = &plan, n, true, nil, 0
	e.Ops, e.Items, e.step, e.stretches = nil, nil, nil, nil
	if l.Several != nil {
		s := *l.Several
		s.All = all
		e.Several = &s
	}
	for i, o := range l.Ops {
		switch x := o.(type) {
		case *Head:
			o = &Head{Op: x.Op, X: x.X}
		case *Zero:
		case *AllReduce:
			if !x.Losses {
				continue
			}
		default:
			if trains(o) {
				continue
			}
		}
		e.Ops, e.Items, e.step = append(e.Ops, o), append(e.Items, Item{Stream: l.Items[i].Stream}), append(e.step, i)
	}
	e.schedule()
	return &e
}

// evaluates gives l the list of its evaluations, for a batch of n images, of which all cards have
// so many. The arena has room for one at the step's batch too.
func (l *List) evaluates(n, all int) {
	l.Eval = l.forwardPass(n, all)
	l.Arena = max(l.Arena, l.Eval.Arena, l.forwardPass(l.Batch, l.all()).Arena)
}

// of is the list of a mode.
func (l *List) of(m mode) *List {
	if m == evaluation {
		return l.Eval
	}
	return l
}

// mode is the purpose of the list's launches.
func (l *List) mode(o Op) mode {
	if _, ok := o.(*Correlate); ok || l.Forward {
		return evaluation
	}
	return training
}

// stepOp is the number of op i in the list of the step.
func (l *List) stepOp(i int) int {
	if l.Forward {
		return l.step[i]
	}
	return i
}
