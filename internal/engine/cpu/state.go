package cpu

import (
	"fmt"

	"shake/internal/engine"
)

// slots lists everything that training changes, in the order of engine.Program.State.
func (p *program) slots() []engine.Slot[float32] {
	var out []engine.Slot[float32]
	add := func(name string, shape []int, data []float32) {
		out = append(out, engine.Slot[float32]{Name: name, Shape: shape, Data: data})
	}
	flat := func(prefix string, buf []float32) {
		for i, prm := range p.plan.Graph.Params {
			n := int(prm.Elements())
			add(prefix+prm.Name, prm.Shape, buf[p.offset[i]:p.offset[i]+n])
		}
	}
	flat("", p.w)
	flat("momentum/", p.v)
	if p.average != nil {
		flat(engine.Average, p.average)
	}
	for r := range p.cfg.Replicas {
		for _, part := range p.order {
			mean, variance := p.norms[part.Norm].Running(r)
			name := fmt.Sprintf("replica%d/%s", r, part.Name)
			add(name+".running_mean", []int{part.C}, mean[part.Off:part.Off+part.C])
			add(name+".running_var", []int{part.C}, variance[part.Off:part.Off+part.C])
		}
	}
	return out
}

func (p *program) State() ([]engine.Tensor, error) { return engine.Snapshot(p.slots()), nil }

func (p *program) SetState(ts []engine.Tensor) error {
	if err := engine.Restore(p.slots(), ts); err != nil {
		return fmt.Errorf("cpu: %w", err)
	}
	p.packed = false
	return nil
}
