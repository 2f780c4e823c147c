package cuda

import "fmt"

// checkGrad checks a gradient of c channels.
func (b *builder) checkGrad(name string, g Grad, c int) {
	b.same(name+".G", g.G, c)
	if g.Mask != nil {
		b.same(name+".Mask", *g.Mask, c)
	}
	if g.Y != nil {
		b.same(name+".Y", *g.Y, c)
	}
	b.norm(name, g.Norm, c)
	b.want(g.Y != nil || g.Norm == nil && !g.ReLU, name+".Y", "a tensor with Norm or ReLU", "none")
	if g.Draw != nil {
		b.want(g.Branch >= 0 && g.Branch < g.Draw.Branches, name+".Branch", fmt.Sprintf("0 to %d", g.Draw.Branches-1), g.Branch)
	}
}

// gradArguments are the arguments of a gradient, by its number (grad.cu).
var gradArguments = []string{"g%d", "mask%d", "y%d", "norm%d", "block%d:u"}

// slices are all slices that a gradient reads.
func (g Grad) slices() []Slice {
	s := []Slice{g.G}
	for _, p := range []*Slice{g.Mask, g.Y} {
		if p != nil {
			s = append(s, *p)
		}
	}
	return s
}

// sub is channels d .. d+c-1 of g.
func (g Grad) sub(d, c int) Grad {
	cut := func(s *Slice) *Slice {
		if s == nil {
			return nil
		}
		t := s.sub(d, c)
		return &t
	}
	g.G, g.Mask, g.Y = g.G.sub(d, c), cut(g.Mask), cut(g.Y)
	if g.Norm != nil {
		g.Norm = &NormRef{Off: g.Norm.Off + d, C: g.Norm.C}
	}
	return g
}

func (s Slice) sub(d, c int) Slice {
	s.Off, s.C = s.Off+d, c
	return s
}

// coefficients numbers the gradients that have a coefficient, declares their draws, and defines
// EACH_COEFFICIENT over (block argument, number, draw, branch).
type coefficients struct {
	b    *builder
	n    int
	line string
}

// of returns the number of g's coefficient, -1 for none. block is the macro's name of the argument.
func (c *coefficients) of(g Grad, block string) int {
	if g.Draw == nil {
		return -1
	}
	c.b.draw(fmt.Sprintf("D%d", c.n), g.Draw)
	c.line += fmt.Sprintf(" F(%s, %d, D%d, %d)", block, c.n, c.n, g.Branch)
	c.n++
	return c.n - 1
}

func (c *coefficients) done() {
	c.b.ints("COEFS", c.n)
	c.b.line("#define EACH_COEFFICIENT(F)%s", c.line)
}

// member declares a gradient at compile time. index is its place among the pointers, base the place
// of its sums in a slot, dy the slice that receives it, if any.
func (b *builder) member(name string, g Grad, index, coef, base int, dy *Slice) {
	b.line("struct %s {", name)
	b.line("  static constexpr bool HAS_MASK = %t, HAS_Y = %t, RELU = %t; static constexpr int INDEX = %d, COEF = %d, BASE = %d;%s", g.Mask != nil, g.Y != nil, g.ReLU,
		index, coef, base, g.Norm.fields())
	for _, s := range []struct {
		name  string
		slice *Slice
	}{{"G", &g.G}, {"MASK", g.Mask}, {"YS", g.Y}, {"DYS", dy}} {
		if s.slice != nil {
			b.line("  struct %s { %s };", s.name, s.slice.fields())
		}
	}
	b.line("};")
}
