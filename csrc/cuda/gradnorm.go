package cuda

import (
	"fmt"
	"strings"
)

// GradNormSpec is several GradSumSpec side by side and, in the same cooperative launch, the
// gradients in front of their norms, as GradConcatSpec stores them. The tensors stay in shared
// memory in between, as far as they have room.
//
//	gradnorm(step, dst0, dx0, x0, dst1, ..., g0, mask0, y0, norm0, block0, g1, ..., smask0, sy0,
//	        snorm0, sblock0, gamma_at0, beta_at0, dy0, smask1, ..., params, grads, partial,
//	        counter, n)
//
// Terms and sums are numbered through all parts.
type GradNormSpec struct {
	Parts  []GradNormPart
	Blocks int // most blocks of a launch: two for each multiprocessor
	Room   int // bytes of shared memory for a block
	Images int // of the largest batch
}

// GradNormPart is a gradient, its sums, and the gradients in front of them. The G of each sum is
// Dst, and all sums of a part have one mask, or none.
type GradNormPart struct {
	GradSumSpec
	DY []*Slice // of each sum; nil: its gradient is not stored
	// Known says that the sums were taken before: the part has nothing but Dst, which is Read, and
	// gradients by the coefficients of their norms.
	Known bool
}

func (s GradNormSpec) check(b *builder) (all []Slice, operands int) {
	b.want(len(s.Parts) > 0, "Parts", "at least one", 0)
	b.want(s.Blocks > 0, "Blocks", "at least 1", s.Blocks)
	b.want(s.Images > 0, "Images", "at least 1", s.Images)
	fronts, taken := 0, 0
	for i, p := range s.Parts {
		name := fmt.Sprintf("Parts[%d]", i)
		b.want(p.Shape == s.Parts[0].Shape, name+".Shape", fmt.Sprint(s.Parts[0].Shape), p.Shape)
		b.want(len(p.Sums) > 0 && len(p.DY) == len(p.Sums), name+".DY", "a slice, or nil, for each of the sums, of which there is one", len(p.DY))
		b.want(!p.Known || p.Read, name+".Known", "a part that only reads", "one that writes")
		if b.err != nil {
			return nil, 0
		}
		slices, n := p.check(b)
		for k, g := range p.Sums {
			b.want(g.G == p.Dst, fmt.Sprintf("%s.Sums[%d].G", name, k), fmt.Sprintf("Dst, %+v", p.Dst), fmt.Sprintf("%+v", g.G))
			if dy := p.DY[k]; dy != nil {
				b.same(fmt.Sprintf("%s.DY[%d]", name, k), *dy, p.Dst.C)
				slices = append(slices, *dy)
				fronts++
			}
			if !p.Known {
				taken++
			}
		}
		if b.err == nil {
			rest, _ := p.covering(0, p.Dst.C)
			for k, o := range rest {
				b.want(o.g.Mask == nil, fmt.Sprintf("%s.Sums[%d].Mask", name, k), "that of the part's other sums", "another one")
			}
		}
		all, operands = append(all, slices...), max(operands, n)
	}
	b.want(fronts > 0 && taken > 0, "Parts", "sums to take, and gradients to store", fmt.Sprintf("%d, %d", taken, fronts))
	return all, operands
}

// Kernel specialises gradnorm.cu; its launches are for n images.
func (s GradNormSpec) Kernel() (*Kernel, error) {
	b := newBuilder("gradnorm")
	all, operands := s.check(b)
	if b.err != nil {
		return nil, b.err
	}
	var sizes []int
	for _, p := range s.Parts {
		sizes = append(sizes, p.Dst.C)
	}
	t := b.newTile(s.Parts[0].Shape, slots, operands, sizes, all...)
	if b.err != nil {
		return nil, b.err
	}
	blocks := min(reduceBlocks, s.Blocks)
	wanted, slot := t.chunksOf(blocks), 0
	for _, p := range s.Parts {
		if !p.Known {
			slot += 2 * len(p.Sums) * p.Dst.C
		}
	}
	k := t.reductionOf(blocks, slot, wanted)
	k.cooperative, k.blocks = true, 2*t.chunks
	g := k.grid(s.Images)
	b.want(int(g[0]*g[1]*g[2]) <= s.Blocks, "Blocks", fmt.Sprintf("at least %d for %d images", g[0]*g[1]*g[2], s.Images), s.Blocks)
	b.include("types", "philox", "norm", "tile", "grad", "term")
	s.parts(b, t, &k, sizes, wanted)
	b.ints("SLOT", slot, "CHUNKS", wanted)
	b.include("column", "reduce", "meet", "norm_backward", "complete", "gradnorm")
	b.add("params", "grads", "partial", "counter", "n:i")
	return b.done(k)
}

// parts declares arguments, parts, terms and sums, and gives each part its passes in shared memory.
func (s GradNormSpec) parts(b *builder, t tile, k *Kernel, sizes []int, wanted int) {
	co := coefficients{b: b}
	b.add("step")
	for i := range s.Parts {
		b.addNumbered(i, "dst%d", "dx%d", "x%d")
	}
	terms, most := 0, 0
	var termCoefs, sumCoefs []int
	for _, p := range s.Parts {
		for _, g := range p.Terms {
			termCoefs = append(termCoefs, co.of(g, fmt.Sprintf("block%d", terms)))
			b.addNumbered(terms, gradArguments...)
			terms++
		}
		most = max(most, len(p.Sums))
	}
	for _, p := range s.Parts {
		for _, g := range p.Sums {
			j := len(sumCoefs)
			sumCoefs = append(sumCoefs, co.of(g, fmt.Sprintf("sblock%d", j)))
			b.addNumbered(j, append(sumArguments, "dy%d")...)
		}
	}
	co.done()
	b.line("template <class M> struct sk_front;")
	chunks := t.cut(sizes)
	term, sum, base := 0, 0, 0
	line := "#define SEGMENTS(F)"
	for i, p := range s.Parts {
		passes, keeps, again := s.passes(t, k, p, wanted, most, co.n)
		k.again += again
		k.shared = max(k.shared, passes*t.unroll*keeps*k.threads*t.v*t.shape.Type.Size())
		covering, gate := p.covering(0, p.Dst.C)
		p.completion(b, fmt.Sprintf("P%d", i), 0, p.Dst.C, gate, sum)
		b.line("  static constexpr int INDEX = %d, PASSES = %d, KEEPS = %d;\n};", i, passes, keeps)
		lists := [3][]string{{"sk_term"}, {"sk_sum"}, {"sk_front"}}
		for _, g := range p.Terms {
			name := fmt.Sprintf("T%d", term)
			b.member(name, g, term, termCoefs[term], 0, nil)
			lists[0] = append(lists[0], name)
			term++
		}
		kept := 0
		for n, o := range covering {
			name, dy := fmt.Sprintf("S%d", sum), p.DY[n]
			at := 0
			if dy != nil && !p.Known {
				kept++
				at = kept
			}
			b.member(name+"_", o.g, sum, sumCoefs[sum], base, dy)
			b.line("struct %s : %s_ { static constexpr bool KNOWN = %t; static constexpr int SUM = %d, KEPT = %d; };", name, name, p.Known, n, at)
			if !p.Known {
				lists[1] = append(lists[1], name)
				base += 2 * p.Dst.C
			}
			if dy != nil {
				lists[2] = append(lists[2], name)
			}
			sum++
		}
		for n, of := range []string{"TERMS", "SUMS", "FRONTS"} {
			b.line("typedef sk_members<%s> %s%d;", strings.Join(lists[n], ", "), of, i)
		}
		line += fmt.Sprintf(" F(%d, %d, P%d, TERMS%d, SUMS%d, FRONTS%d)", chunks[i], chunks[i+1], i, i, i, i)
	}
	b.line("%s", line)
	b.each("EACH_PART", len(s.Parts))
	b.each("EACH_TERM", term)
	b.each("EACH_SUM", sum)
	b.ints("MOST_SUMS", most)
}

// passes are the passes over a thread's pixels that shared memory has room for, of those of a full
// batch, the values a pixel that each of them keeps, and the bytes of a full batch that are not
// kept.
func (s GradNormSpec) passes(t tile, k *Kernel, p GradNormPart, wanted, most, coefs int) (passes, keeps int, again int64) {
	keeps = 1
	for _, dy := range p.DY {
		if dy != nil {
			keeps++
		}
	}
	if p.Known {
		return 0, keeps, 0
	}
	channels := t.columns * t.v
	fixed := 8*2*(k.threads/32)*channels + 4*3*most*channels + 4*32*max(1, coefs) + 64
	each := t.unroll * keeps * k.threads * t.v * t.shape.Type.Size()
	g, images := k.grid(s.Images), (s.Images+t.shape.Replicas-1)/t.shape.Replicas
	m := min(chunkImages, (images+wanted-1)/wanted)
	pixels := (t.shape.H*t.shape.W + int(g[1]) - 1) / int(g[1])
	all := m * ((pixels + t.rows*t.unroll - 1) / (t.rows * t.unroll))
	passes = max(0, min(all, (s.Room-fixed)/each))
	again = int64(s.Images*t.shape.H*t.shape.W*p.Dst.C*keeps*t.shape.Type.Size()) * int64(all-passes) / int64(all)
	return passes, keeps, again
}
