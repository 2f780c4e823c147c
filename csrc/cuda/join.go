package cuda

import "fmt"

// JoinSpec is the shaken sum of a block: y = relu?(skip + sum of alpha_k * branch_k), and copy =
// relu(y). With Eval every alpha_k is the expected one, 1/branches or
// Draw.Expected, and step is not read.
//
//	join(step, block, skip, skip_norm, x0, norm0, x1, norm1, ..., y, copy, n)
type JoinSpec struct {
	Shape
	Draw     Draw // its Branches is the number of Branches
	Branches []View
	Skip     *View // nil: none
	Y        Slice
	Copy     *Slice // nil: none
	ReLU     bool
	Eval     bool
}

// Kernel specialises join.cu; its launches are for n images.
func (s JoinSpec) Kernel() (*Kernel, error) {
	b := newBuilder("join")
	b.fits("Y", s.Y)
	b.want(s.Draw.Branches == len(s.Branches), "Branches", fmt.Sprint(s.Draw.Branches), len(s.Branches))
	slices := []Slice{s.Y}
	operand := func(name string, v View) {
		b.same(name, v.Slice, s.Y.C)
		b.norm(name, v.Norm, v.C)
		slices = append(slices, v.Slice)
	}
	for k, v := range s.Branches {
		operand(fmt.Sprintf("Branches[%d]", k), v)
	}
	if s.Skip != nil {
		operand("Skip", *s.Skip)
	}
	out := Slice{C: s.Y.C, Pitch: s.Y.C}
	if s.Copy != nil {
		out = *s.Copy
		b.same("Copy", out, s.Y.C)
		slices = append(slices, out)
	}
	t := b.newTile(s.Shape, elements, len(slices), []int{s.Y.C}, slices...)
	b.include("types", "philox", "norm", "tile")
	b.draw("D", &s.Draw)
	b.add("step", "block:u", "skip", "skip_norm")
	for k := range s.Branches {
		b.view(fmt.Sprintf("X%d", k), &s.Branches[k])
		b.addNumbered(k, "x%d", "norm%d")
	}
	b.each("EACH_BRANCH", len(s.Branches))
	b.view("SKIP", s.Skip)
	b.slice("Y", s.Y)
	b.slice("COPY", out)
	b.bool("HAS_COPY", s.Copy != nil)
	b.bool("RELU", s.ReLU)
	b.bool("EVAL", s.Eval)
	b.include("join")
	b.add("y", "copy", "n:i")
	return b.done(t.elementwise())
}
