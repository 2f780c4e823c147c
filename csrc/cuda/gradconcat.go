package cuda

import (
	"fmt"
	"strings"
)

// GradConcatSpec stores gradients side by side on channels: each grad takes the channels of DY
// behind the grads before it. Neighbouring grads with the same buffers, channels and mask read
// these once.
//
//	gradconcat(step, g0, mask0, y0, norm0, block0, g1, ..., dy, n)
type GradConcatSpec struct {
	Shape
	Grads []Grad
	DY    Slice
}

// segment is grads that share g and mask.
type segment struct{ first, end int } // grads first .. end-1

func segments(grads []Grad) []segment {
	var out []segment
	for i, g := range grads {
		if i > 0 {
			last := &out[len(out)-1]
			if h := grads[last.first]; h.G == g.G && (h.Mask == nil) == (g.Mask == nil) && (h.Mask == nil || *h.Mask == *g.Mask) {
				last.end = i + 1
				continue
			}
		}
		out = append(out, segment{i, i + 1})
	}
	return out
}

// Kernel specialises gradconcat.cu; its launches are for n images.
func (s GradConcatSpec) Kernel() (*Kernel, error) {
	b := newBuilder("gradconcat")
	b.fits("DY", s.DY)
	b.want(len(s.Grads) > 0, "Grads", "at least one", 0)
	slices, c := []Slice{}, 0
	for k, g := range s.Grads {
		b.checkGrad(fmt.Sprintf("Grads[%d]", k), g, g.G.C)
		slices = append(append(slices, g.slices()...), s.DY.sub(c, g.G.C))
		c += g.G.C
	}
	b.want(c == s.DY.C, "DY.C", fmt.Sprint(c), s.DY.C)
	runs, sizes, operands := segments(s.Grads), []int{}, 1
	for _, r := range runs {
		sizes = append(sizes, s.Grads[r.first].G.C)
		operands = max(operands, 2+r.end-r.first)
	}
	t := b.newTile(s.Shape, elements, operands, sizes, slices...)
	if b.err != nil {
		return nil, b.err
	}
	b.include("types", "philox", "norm", "tile", "grad")
	co, at := coefficients{b: b}, 0
	b.add("step")
	for k, g := range s.Grads {
		dy := s.DY.sub(at, g.G.C)
		b.member(fmt.Sprintf("M%d", k), g, k, co.of(g, fmt.Sprint(k)), 0, &dy)
		at += g.G.C
		b.addNumbered(k, gradArguments...)
	}
	co.done()
	b.each("EACH_GRAD", len(s.Grads))
	chunks := t.cut(sizes)
	var line strings.Builder
	for i, r := range runs {
		fmt.Fprintf(&line, " F(%d, %d, %d", chunks[i], chunks[i+1], sizes[i])
		for k := r.first; k < r.end; k++ {
			fmt.Fprintf(&line, ", M%d", k)
		}
		line.WriteString(")")
	}
	b.line("#define SEGMENTS(F)%s", line.String())
	// BLOCKS is the blocks a multiprocessor: without coefficients 80 registers are enough.
	b.ints("BLOCKS", map[bool]int{true: 3, false: 2}[co.n == 0])
	b.include("gradconcat")
	b.add("dy", "n:i")
	return b.done(t.elementwise())
}
