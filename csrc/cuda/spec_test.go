package cuda

import (
	"errors"
	"testing"
)

// TestSpecErrors checks that an impossible spec is a *SpecError that names the field.
func TestSpecErrors(t *testing.T) {
	shape := Shape{Type: BF16, H: 4, W: 4, Replicas: 1}
	s := Slice{C: 8, Pitch: 8}
	norm := &NormRef{C: 8}
	for _, c := range []struct {
		name  string
		spec  Spec
		field string
	}{
		{"type", ApplySpec{Shape: Shape{Type: 7, H: 1, W: 1, Replicas: 1}, X: View{Slice: s}, Y: s}, "Type"},
		{"no map", ApplySpec{Shape: Shape{Replicas: 1}, X: View{Slice: s}, Y: s}, "H, W"},
		{"no replicas", ApplySpec{Shape: Shape{H: 1, W: 1}, X: View{Slice: s}, Y: s}, "Replicas"},
		{"no channels", ApplySpec{Shape: shape, X: View{Slice: s}, Y: Slice{Pitch: 8}}, "Y.C"},
		{"channels beyond the pitch", ApplySpec{Shape: shape, X: View{Slice: s}, Y: Slice{Off: 1, C: 8, Pitch: 8}}, "Y"},
		{"channels differ", ApplySpec{Shape: shape, X: View{Slice: Slice{C: 4, Pitch: 8}}, Y: s}, "X.C"},
		{"norm too small", ApplySpec{Shape: shape, X: View{Slice: s, Norm: &NormRef{Off: 4, C: 8}}, Y: s}, "X.Norm"},
		{"branches", JoinSpec{Shape: shape, Draw: Draw{Branches: 2, High: 1}, Branches: []View{{Slice: s}}, Y: s}, "Branches"},
		{"mode", JoinSpec{Shape: shape, Draw: Draw{Branches: 1, Forward: Keep, High: 1}, Branches: []View{{Slice: s}}, Y: s}, "Draw.Forward"},
		{"range", JoinSpec{Shape: shape, Draw: Draw{Branches: 1, Low: 1, High: 1}, Branches: []View{{Slice: s}}, Y: s}, "Draw.Low"},
		{"rule of three", GradConcatSpec{Shape: shape, Grads: []Grad{{G: s, Draw: &Draw{Branches: 3, Backward: M1, High: 1}}}, DY: s}, "Draw.Branches"},
		{"no such branch", GradConcatSpec{Shape: shape, Grads: []Grad{{G: s, Draw: &Draw{Branches: 2, High: 1}, Branch: 2}}, DY: s}, "Grads[0].Branch"},
		{"norm without y", GradConcatSpec{Shape: shape, Grads: []Grad{{G: s, Norm: norm}}, DY: s}, "Grads[0].Y"},
		{"dy too small", GradConcatSpec{Shape: shape, Grads: []Grad{{G: s}, {G: s}}, DY: s}, "DY.C"},
		{"no norms", StatsSpec{Shape: shape, X: s}, "Norms"},
		{"norm beyond x", StatsSpec{Shape: shape, X: s, Norms: []StatsOf{{Off: 4, C: 8, Norm: *norm}}}, "Norms[0]"},
		{"sum outside", GradSumSpec{Shape: shape, Dst: Slice{C: 4, Pitch: 8}, Read: true, Sums: []Grad{{G: s, Norm: norm, Y: &s}}}, "Sums[0].G"},
		{"nothing to do", GradSumSpec{Shape: shape, Dst: s, Read: true}, "Sums"},
		{"mask of nothing", GradSumSpec{Shape: shape, Dst: s, X: &s}, "X"},
	} {
		k, err := c.spec.Kernel()
		var e *SpecError
		if k != nil || !errors.As(err, &e) || e.Field != c.field {
			t.Errorf("%s: want a SpecError of %s, have %v", c.name, c.field, err)
		}
	}
}
