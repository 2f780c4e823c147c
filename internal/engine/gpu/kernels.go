package gpu

import (
	"fmt"

	kernels "shake/csrc/cuda"
	"shake/internal/engine"
)

// Kernels are the distinct kernels of ours that the list launches in training and evaluation under
// configuration c, in the order of their first launch.
func (l *List) Kernels(c engine.Config) ([]*kernels.Kernel, error) {
	var out []*kernels.Kernel
	seen := map[string]bool{}
	add := func(k *Launch, err error) error {
		if err == nil && k != nil && !seen[k.Kernel.Text] {
			seen[k.Kernel.Text] = true
			out = append(out, k.Kernel)
		}
		return err
	}
	for _, m := range []mode{training, evaluation} {
		for _, o := range l.Ops {
			if err := add(l.launch(o, m, c)); err != nil {
				return nil, fmt.Errorf("gpu: %s: %w", l.op(o), err)
			}
		}
	}
	for id := range l.Plan.Norms {
		if err := add(l.normEvalLaunch(engine.NormID(id))); err != nil {
			return nil, err
		}
	}
	return out, add(l.castLaunch())
}
