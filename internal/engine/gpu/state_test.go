package gpu

import (
	"math/rand/v2"
	"testing"

	"shake/internal/engine"
	"shake/internal/graph/graphtest"
)

// A state survives the way to PyTorch's layout and back, and a weight has PyTorch's index there.
func TestStateLayout(t *testing.T) {
	spec := graphtest.Spec("resnext", 6, 1)
	g := build(t, spec)
	l := list(t, spec, 0, 4, 2)
	order := engine.NormLayers(g, l.Plan)
	want := engine.InitTensors(g, 1)
	rnd := rand.New(rand.NewPCG(3, 4))
	slots := l.slots(l.fresh(), order)
	if len(slots) != 2*len(g.Params)+4*len(order) {
		t.Fatalf("%d slots for %d parameters and %d norms", len(slots), len(g.Params), len(order))
	}
	for i := range slots {
		for j := range slots[i].Data {
			slots[i].Data[j] = rnd.Float32()
		}
		if i < len(want) {
			slots[i].Data = want[i].F32
			if slots[i].Name != want[i].Name {
				t.Fatalf("slot %d is %s, want %s", i, slots[i].Name, want[i].Name)
			}
		}
	}
	h := l.fresh()
	l.take(h, order, slots)
	for i, s := range l.slots(h, order) {
		for j, v := range s.Data {
			if v != slots[i].Data[j] {
				t.Fatalf("%s[%d]: %v, want %v", s.Name, j, v, slots[i].Data[j])
			}
		}
	}
	for id, p := range g.Params {
		if len(p.Shape) != 4 {
			continue
		}
		k, c, r, s := p.Shape[0]-1, p.Shape[1]/2, p.Shape[2]-1, 0
		own := h.w[l.Params.Offset[id]+((k*p.Shape[2]+r)*p.Shape[3]+s)*p.Shape[1]+c]
		if torch := want[id].F32[((k*p.Shape[1]+c)*p.Shape[2]+r)*p.Shape[3]+s]; own != torch {
			t.Errorf("%s: weight %d %d %d %d is %v, want %v", p.Name, k, c, r, s, own, torch)
		}
	}
}
