package ref

import (
	"fmt"

	"shake/internal/engine"
)

// slots lists the state in the order of engine.Program.State.
func (p *program) slots() []engine.Slot[float64] {
	var out []engine.Slot[float64]
	for i, param := range p.g.Params {
		out = append(out, engine.Slot[float64]{Name: param.Name, Shape: param.Shape, Data: p.params[i]})
	}
	for i, param := range p.g.Params {
		out = append(out, engine.Slot[float64]{Name: "momentum/" + param.Name, Shape: param.Shape, Data: p.velocity[i]})
	}
	for i, mean := range p.average {
		out = append(out, engine.Slot[float64]{Name: engine.Average + p.g.Params[i].Name, Shape: p.g.Params[i].Shape, Data: mean})
	}
	for r, running := range p.running {
		for _, part := range normParts(p.g) {
			prefix, m := fmt.Sprintf("replica%d/%s.", r, part.Name), running[part.Name]
			out = append(out,
				engine.Slot[float64]{Name: prefix + "running_mean", Shape: []int{part.C}, Data: m.Mean},
				engine.Slot[float64]{Name: prefix + "running_var", Shape: []int{part.C}, Data: m.Var})
		}
	}
	return out
}

func (p *program) State() ([]engine.Tensor, error) {
	if err := p.open("State"); err != nil {
		return nil, err
	}
	return engine.Snapshot(p.slots()), nil
}

func (p *program) SetState(ts []engine.Tensor) error {
	if err := p.open("SetState"); err != nil {
		return err
	}
	if err := engine.Restore(p.slots(), ts); err != nil {
		return fmt.Errorf("ref: %w", err)
	}
	return nil
}
