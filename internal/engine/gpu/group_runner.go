package gpu

import (
	"fmt"

	"shake/cudnn/cuda"
	"shake/cudnn/nccl"
)

// bindShare binds op i for this card's share of a batch of n, and the exchange between cards. One
// card has all of the batch. A card without images takes part with gradients of zero.
func (p *program) bindShare(m mode, i, n int) (w []work, count int, err error) {
	lo, hi := p.share.Images(n)
	own := hi - lo
	switch o := p.list.of(m).Ops[i].(type) {
	case *Zero:
		return p.clearShare(m, own == 0), 1, nil
	case *AllReduce:
		return p.exchange(i, o, m, n), 1, nil
	case *Tally:
		return p.bindCall(m, i, n, 0)
	case *Head:
		if own > 0 {
			return p.bindCall(m, i, own, lo)
		}
	case *Unpack, *Finite, *Clip, *SGD, *Rescale: // ops that need no images
		return p.bindNext(m, i, max(own, 1))
	}
	if own == 0 {
		return nil, 1, nil
	}
	return p.bindNext(m, i, own)
}

// bindCall binds the kernel of op i for n images that begin at image lo of the batch of all cards.
func (p *program) bindCall(m mode, i, n, lo int) ([]work, int, error) {
	l := p.list.of(m)
	call, err := p.bindKernelAt(l, p.kernels[m][i], n, lo)
	if err != nil {
		return nil, 0, fmt.Errorf("gpu: %s: %w", l.op(l.Ops[i]), err)
	}
	return []work{{call: call}}, 1, nil
}

// clearShare zeroes the sums over the cards that this one does not write.
func (p *program) clearShare(m mode, empty bool) []work {
	kinds := []ArgKind{Loss, Wrong}
	if m == evaluation {
		kinds = append(kinds, Logits)
	} else if empty {
		kinds = append(kinds, Gradients, PackedGrads)
	}
	var out []work
	for _, k := range kinds {
		if p.dev.bytes[k] > 0 {
			out = append(out, work{clear: p.dev.single[k], bytes: p.dev.bytes[k]})
		}
	}
	return out
}

// reduced is numbers that are added up over the cards where they stand.
type reduced struct {
	at cuda.Ptr
	n  int
	t  nccl.Type
}

// exchange binds the sums of o, op i, over the cards for a batch of n: a mark that the card has
// come there, and one call.
func (p *program) exchange(i int, o *AllReduce, m mode, n int) []work {
	var rs []reduced
	if m == training || o.Losses {
		for _, s := range o.Spans {
			rs = append(rs, reduced{p.dev.single[s.Kind] + cuda.Ptr(4*s.From), s.N, nccl.F32})
		}
	}
	if o.Losses { // every card has written its own and zeros
		rs = append(rs, reduced{p.dev.single[Loss], n, nccl.F32}, reduced{p.dev.single[Wrong], n, nccl.U32})
		if m == evaluation {
			rs = append(rs, reduced{p.dev.single[Logits], n * p.list.Plan.Graph.Classes, nccl.F32})
		}
	}
	if rs == nil {
		return nil
	}
	return []work{p.group.Progress.mark(i, p.dev.single[StepRecord]), {do: func(s *cuda.Stream) error { return p.group.add(s, rs) }}}
}
