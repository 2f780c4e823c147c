package cuda

import (
	"fmt"
	"slices"
	"strings"
)

// GradSumSpec completes a gradient,
//
//	dst = (Accumulate ? dst : 0) + [x > 0, if X] * dx, if DX, + sum of Terms
//
// or, with Read, leaves it unchanged, and takes the backward sums of Sums, whose G lie within Dst.
// It turns the sums into the coefficients of the norms' backward pass and the gradients at gamma_at
// and beta_at. DX may be Dst; Terms may read Dst at the same place.
//
//	gradsum(step, dst, dx, x, g0, mask0, y0, norm0, block0, g1, ..., smask0, sy0,
//	        snorm0, sblock0, gamma_at0, beta_at0, smask1, ..., params, grads, partial, counter, n)
type GradSumSpec struct {
	Shape
	Dst        Slice
	Read       bool
	Accumulate bool
	DX, X      *Slice
	Terms      []Grad
	Sums       []Grad
}

func (s GradSumSpec) check(b *builder) (all []Slice, operands int) {
	b.fits("Dst", s.Dst)
	b.want(!s.Read || !s.Accumulate && s.DX == nil && len(s.Terms) == 0, "Read", "nothing to write", "Accumulate, DX or Terms")
	b.want(!s.Read || len(s.Sums) > 0, "Sums", "at least one with Read", 0)
	b.want(s.X == nil || s.DX != nil, "X", "a DX to mask", "none")
	all = []Slice{s.Dst}
	for i, p := range []*Slice{s.DX, s.X} {
		if p != nil {
			b.same([]string{"DX", "X"}[i], *p, s.Dst.C)
			all = append(all, *p)
		}
	}
	for k, g := range s.Terms {
		b.checkGrad(fmt.Sprintf("Terms[%d]", k), g, s.Dst.C)
		all = append(all, g.slices()...)
	}
	for k, g := range s.Sums {
		name := fmt.Sprintf("Sums[%d]", k)
		b.checkGrad(name, g, g.G.C)
		b.want(g.Norm != nil, name+".Norm", "a norm", "none")
		b.want(g.G.Pitch == s.Dst.Pitch && g.G.Off >= s.Dst.Off && g.G.Off+g.G.C <= s.Dst.Off+s.Dst.C, name+".G", "channels of Dst", fmt.Sprintf("%+v", g.G))
		all = append(all, g.slices()...)
	}
	return all, len(all)
}

// cuts are the channels of Dst at which a sum begins or ends, relative to its first channel.
func (s GradSumSpec) cuts() []int {
	cuts := []int{0, s.Dst.C}
	for _, g := range s.Sums {
		cuts = append(cuts, g.G.Off-s.Dst.Off, g.G.Off+g.G.C-s.Dst.Off)
	}
	slices.Sort(cuts)
	return slices.Compact(cuts)
}

// Kernel specialises gradsum.cu; its launches are for n images.
func (s GradSumSpec) Kernel() (*Kernel, error) {
	b := newBuilder("gradsum")
	all, operands := s.check(b)
	if b.err != nil {
		return nil, b.err
	}
	cuts := s.cuts()
	sizes := []int{}
	for i := range len(cuts) - 1 {
		sizes = append(sizes, cuts[i+1]-cuts[i])
		all = append(all, s.Dst.sub(cuts[i], sizes[i]))
	}
	w := sums // no terms, by the same text
	if len(s.Sums) > 0 {
		w = slots
	}
	t := b.newTile(s.Shape, w, operands, sizes, all...)
	if b.err != nil {
		return nil, b.err
	}
	b.include("types", "philox", "norm", "tile", "grad", "term")
	wanted := everyImage
	if len(s.Sums) > 0 {
		wanted = t.replicaChunks()
	}
	co := coefficients{b: b}
	b.add("step", "dst", "dx", "x")
	termCoefs, sumCoefs := make([]int, len(s.Terms)), make([]int, len(s.Sums))
	for k, g := range s.Terms {
		termCoefs[k] = co.of(g, fmt.Sprintf("block%d", k))
		b.addNumbered(k, gradArguments...)
	}
	for k, g := range s.Sums {
		sumCoefs[k] = co.of(g, fmt.Sprintf("sblock%d", k))
		b.addNumbered(k, sumArguments...)
	}
	co.done()
	slot := s.segments(b, t, cuts, sizes, termCoefs, sumCoefs)
	b.each("EACH_TERM", len(s.Terms))
	b.each("EACH_SUM", len(s.Sums))
	b.ints("SLOT", slot, "CHUNKS", wanted, "SUMS", len(s.Sums))
	b.include("column", "reduce", "norm_backward", "complete", "gradsum")
	b.add("params", "grads", "partial", "counter", "n:i")
	return b.done(t.reduction(slot, wanted))
}

// segments declares the pieces of Dst between cuts with their terms and sums, and returns the
// floats of a slot.
func (s GradSumSpec) segments(b *builder, t tile, cuts, sizes, termCoefs, sumCoefs []int) (slot int) {
	chunks := t.cut(sizes)
	var line strings.Builder
	for i, c := range sizes {
		covering, gate := s.covering(cuts[i], c)
		first := 0
		if gate != nil {
			first = covering[0].k
		}
		s.completion(b, fmt.Sprintf("S%d", i), cuts[i], c, gate, first)
		b.line("};")
		terms, sums := []string{"sk_term"}, []string{"sk_sum"}
		for k, g := range s.Terms {
			name := fmt.Sprintf("S%dT%d", i, k)
			b.member(name, g.sub(cuts[i], c), k, termCoefs[k], 0, nil)
			terms = append(terms, name)
		}
		for _, o := range covering {
			name := fmt.Sprintf("S%dS%d", i, o.k)
			b.member(name, o.g, o.k, sumCoefs[o.k], slot, nil)
			sums = append(sums, name)
			slot += 2 * c
		}
		if s.Read && len(sums) == 1 {
			continue
		}
		b.line("typedef sk_members<%s> TERMS%d;", strings.Join(terms, ", "), i)
		b.line("typedef sk_members<%s> SUMS%d;", strings.Join(sums, ", "), i)
		fmt.Fprintf(&line, " F(%d, %d, S%d, TERMS%d, SUMS%d)", chunks[i], chunks[i+1], i, i, i)
	}
	b.line("#define SEGMENTS(F)%s", line.String())
	return slot
}

// sumArguments are the arguments of a sum, by its number (complete.cu).
var sumArguments = []string{"smask%d", "sy%d", "snorm%d", "sblock%d:u", "gamma_at%d", "beta_at%d"}

// completion opens struct name, which describes channels at .. at+c-1 of Dst for complete.cu, with
// the mask of sum first as the gate of its sums, if gate has one.
func (s GradSumSpec) completion(b *builder, name string, at, c int, gate *Slice, first int) {
	b.line("struct %s { %s", name, s.Dst.sub(at, c).fields())
	b.line("  static constexpr bool WRITE = %t, ACCUMULATE = %t, HAS_DX = %t, HAS_X = %t;", !s.Read, s.Accumulate, s.DX != nil, s.X != nil)
	for j, p := range []*Slice{s.DX, s.X} {
		if p == nil {
			p = &s.Dst // named, but not used
		}
		b.line("  struct %s { %s };", []string{"DX", "X"}[j], p.sub(at, c).fields())
	}
	b.line("  struct GATE { static constexpr bool HAS_MASK = %t; static constexpr int INDEX = %d;", gate != nil, first)
	if gate != nil {
		b.line("    struct MASK { %s };", gate.fields())
	}
	b.line("  };")
}

// numbered is a sum with its place among Sums.
type numbered struct {
	k int
	g Grad
}

// covering are the sums over channels at .. at+c-1 of Dst, cut to those channels. If all of them
// share one mask, covering returns it as gate and takes it from them.
func (s GradSumSpec) covering(at, c int) (sums []numbered, gate *Slice) {
	for k, g := range s.Sums {
		if d := at + s.Dst.Off - g.G.Off; d >= 0 && d+c <= g.G.C {
			sums = append(sums, numbered{k, g.sub(d, c)})
		}
	}
	for i, o := range sums {
		if o.g.Mask == nil || *o.g.Mask != *sums[0].g.Mask {
			return sums, nil
		}
		if i == len(sums)-1 {
			gate = o.g.Mask
		}
	}
	for i := range sums {
		sums[i].g.Mask = nil
	}
	return sums, gate
}
