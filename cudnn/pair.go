package cudnn

import "shake/cudnn/cuda"

// pair is two plans that run one after the other: the last tensor of the first lies in the
// workspace and is the first tensor of the second.
type pair struct {
	first, second *Plan
	between       int64 // bytes of that tensor, rounded up
	ptrs          []cuda.Ptr
}

// then makes one plan of two. Its pointers are the first's tensors but the last, then the second's
// but the first.
func then(first, second *Plan, between int64) *Plan {
	const line = 256
	between = (between + line - 1) &^ (line - 1)
	return &Plan{
		h: first.h, engine: first.engine + ", then " + second.engine, workspace: between + max(first.workspace, second.workspace), took: first.took,
		pair: &pair{first, second, between, make([]cuda.Ptr, len(first.bindings)+len(second.bindings))},
	}
}

// runPair is Run of a pair.
func (p *Plan) runPair(workspace cuda.Ptr, ptrs []cuda.Ptr) error {
	if len(ptrs) != len(p.bindings) || workspace == 0 || workspace%16 != 0 {
		if len(ptrs) != len(p.bindings) {
			return p.refuse(len(ptrs))
		}
		return p.misuse("pointer to workspace: want a multiple of 16, not 0", ErrInvalid)
	}
	two := p.pair
	n := len(two.first.bindings)
	a, b := two.ptrs[:n], two.ptrs[n:]
	copy(a, ptrs[:n-1])
	a[n-1], b[0] = workspace, workspace
	copy(b[1:], ptrs[n-1:])
	rest := workspace + cuda.Ptr(two.between)
	if err := two.first.Run(rest, a...); err != nil {
		return err
	}
	return two.second.Run(rest, b...)
}
