package cpu

import (
	"fmt"
	"slices"
	"strings"

	"shake/internal/engine"
	"shake/internal/graph"
)

// slot is one named array of the state, in C memory.
type slot struct {
	name  string
	shape []int
	data  []float32
}

// bnLayer is one BN layer within a norm of the plan.
type bnLayer struct {
	graph.NormPart
	norm int
}

// bnLayers lists the BN layers in the order of the graph as it was before the passes, which every backend keeps.
func bnLayers(g *graph.Graph, plan *engine.Plan) []bnLayer {
	fused := map[string]bnLayer{}
	for i, op := range plan.Norms {
		for _, part := range op.Parts {
			fused[part.Name] = bnLayer{part, i}
		}
	}
	var out []bnLayer
	for _, op := range g.Ops {
		if n, ok := op.(*graph.Norm); ok {
			for _, part := range n.Parts {
				out = append(out, fused[part.Name])
			}
		}
	}
	return out
}

// slots lists everything that training changes, in the order of engine.Program.State.
func (p *program) slots() []slot {
	var out []slot
	flat := func(prefix string, buf []float32) {
		for i, prm := range p.plan.Graph.Params {
			n := size(prm.Shape)
			out = append(out, slot{prefix + prm.Name, prm.Shape, buf[p.offset[i] : p.offset[i]+n]})
		}
	}
	flat("", p.w)
	flat("momentum/", p.v)
	for r := range p.cfg.Replicas {
		for _, part := range p.order {
			mean, variance := p.norms[part.norm].Running(r)
			name := fmt.Sprintf("replica%d/%s", r, part.Name)
			out = append(out,
				slot{name + ".running_mean", []int{part.C}, mean[part.Off : part.Off+part.C]},
				slot{name + ".running_var", []int{part.C}, variance[part.Off : part.Off+part.C]})
		}
	}
	return out
}

func (p *program) State() ([]engine.Tensor, error) {
	var ts []engine.Tensor
	for _, s := range p.slots() {
		ts = append(ts, engine.Tensor{Name: s.name, Shape: slices.Clone(s.shape), F32: slices.Clone(s.data)})
	}
	return ts, nil
}

func (p *program) SetState(ts []engine.Tensor) error {
	byName := map[string]slot{}
	for _, s := range p.slots() {
		byName[s.name] = s
	}
	var problems []string
	for _, t := range ts {
		s, ok := byName[t.Name]
		switch n := len(t.F32) + len(t.F64); {
		case !ok:
			problems = append(problems, t.Name+": no such tensor in this network")
		case (t.F32 == nil) == (t.F64 == nil):
			problems = append(problems, t.Name+": want float32 or float64 values, have both or neither")
		case !slices.Equal(t.Shape, s.shape):
			problems = append(problems, fmt.Sprintf("%s: shape %v: want %v", t.Name, t.Shape, s.shape))
		case n != len(s.data):
			problems = append(problems, fmt.Sprintf("%s: %d values: want %d", t.Name, n, len(s.data)))
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("cpu: setting state: %s", strings.Join(problems, "; "))
	}
	for _, t := range ts {
		dst := byName[t.Name].data
		copy(dst, t.F32)
		for i, x := range t.F64 {
			dst[i] = float32(x)
		}
	}
	p.packed = false
	return nil
}
