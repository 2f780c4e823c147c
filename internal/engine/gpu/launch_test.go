package gpu

import (
	"testing"

	"shake/internal/engine"
)

// Every op without a cuDNN call has a launch whose kernel takes every operand of the op.
func TestLaunchesBind(t *testing.T) {
	eachList(t, func(t *testing.T, l *List) {
		for i, o := range l.Ops {
			for _, m := range []mode{training, evaluation} {
				k, err := l.launch(o, m, engine.Config{Momentum: 0.9, Crop: 4})
				if err != nil {
					t.Errorf("op %d, %s: %v", i, l.op(o), err)
					continue
				}
				if k == nil {
					continue
				}
				if g := k.Kernel.Launch(l.Batch); g.Grid[0] == 0 || len(k.Args) != len(k.Kernel.Args) {
					t.Errorf("op %d, %s: %+v with %d arguments", i, l.op(o), g, len(k.Args))
				}
			}
		}
	})
}
