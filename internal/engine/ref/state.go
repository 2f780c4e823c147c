package ref

import (
	"fmt"

	"shake/internal/engine"
)

// slot is one tensor of the state: its name, its shape and its numbers themselves.
type slot struct {
	name  string
	shape []int
	data  []float64
}

// slots lists the state in the order of engine.Program.State.
func (p *program) slots() []slot {
	var out []slot
	for i, param := range p.g.Params {
		out = append(out, slot{param.Name, param.Shape, p.params[i]})
	}
	for i, param := range p.g.Params {
		out = append(out, slot{"momentum/" + param.Name, param.Shape, p.velocity[i]})
	}
	for r, running := range p.running {
		for _, part := range normParts(p.g) {
			prefix, m := fmt.Sprintf("replica%d/%s.", r, part.Name), running[part.Name]
			out = append(out, slot{prefix + "running_mean", []int{part.C}, m.Mean}, slot{prefix + "running_var", []int{part.C}, m.Var})
		}
	}
	return out
}

func (p *program) State() ([]engine.Tensor, error) {
	if err := p.open("State"); err != nil {
		return nil, err
	}
	var ts []engine.Tensor
	for _, s := range p.slots() {
		ts = append(ts, engine.Tensor{Name: s.name, Shape: append([]int(nil), s.shape...), F64: append([]float64(nil), s.data...)})
	}
	return ts, nil
}

func (p *program) SetState(ts []engine.Tensor) error {
	if err := p.open("SetState"); err != nil {
		return err
	}
	byName := map[string]slot{}
	for _, s := range p.slots() {
		byName[s.name] = s
	}
	for _, t := range ts {
		s, ok := byName[t.Name]
		if !ok {
			return fmt.Errorf("ref: SetState: %s: the network has no such tensor", t.Name)
		}
		if fmt.Sprint(t.Shape) != fmt.Sprint(s.shape) {
			return fmt.Errorf("ref: SetState: %s: want shape %v, have %v", t.Name, s.shape, t.Shape)
		}
		if (t.F32 == nil) == (t.F64 == nil) || len(t.F32)+len(t.F64) != len(s.data) {
			return fmt.Errorf("ref: SetState: %s: want %d numbers in one of F32 and F64, have %d and %d", t.Name, len(s.data), len(t.F32), len(t.F64))
		}
	}
	for _, t := range ts {
		data := byName[t.Name].data
		copy(data, t.F64)
		for i, v := range t.F32 {
			data[i] = float64(v)
		}
	}
	return nil
}
