package cuda

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"shake/internal/exhaustive"
)

// normPart is a part of a GradNormSpec with its operands.
type normPart struct {
	GradNormPart
	dst, before, dx, x tensor
	terms, sums        []grad
	params             []normParams
	norms              []norm // before the launch
	dy, dyBefore       []tensor
}

// normKind is a part's kind: whether its sums are known, whether dst is only read, and the number
// of sums.
type normKind struct {
	known, read bool
	sums        int
}

// newNormPart makes part number i in layout l. Written ones have a masked DX and a term, or
// accumulate; the norms have a ReLU, draws and a shared mask, or none of them.
func newNormPart(r *rand.Rand, s Shape, n, i, l int, kind normKind, free *[]int) normPart {
	known, read, sums := kind.known, kind.read, kind.sums
	o := layouts[l]
	at := Slice{Buf: 100 * i, Off: o.off, C: o.c, Pitch: o.pitch}
	buf := func(k int) *Slice { p := at; p.Buf += k; return &p }
	p := normPart{GradNormPart: GradNormPart{GradSumSpec: GradSumSpec{Shape: s, Dst: Slice{Buf: 100*i + 1, Off: o.outOff, C: o.c, Pitch: o.out}, Read: read}, Known: known}}
	p.dst, p.dx, p.x = newTensor(r, s, n, o.out), newTensor(r, s, n, o.pitch), newTensor(r, s, n, o.pitch)
	p.before = tensor{p.dst.clone(), s, o.out}
	if !read {
		p.DX, p.Accumulate = buf(2), l%2 == 1
		if l%3 < 2 {
			p.X = buf(3)
		}
		if l%2 == 0 {
			p.terms = append(p.terms, newGrad(r, s, n, *buf(10), true, l%3 == 0, l%3 == 1, l%3 == 1))
		}
	}
	for k := range sums {
		d := newGrad(r, s, n, *buf(20 + k), false, l%3 != 1, true, l%3 == 1)
		d.Branch = k % 2
		if l%4 == 2 {
			d.Mask, d.mask = buf(30), p.x
		}
		d.G, d.g = p.Dst, p.dst
		p.sums = append(p.sums, d)
		p.params, p.norms = append(p.params, newNormParams(free, d.Norm.C)), append(p.norms, norm{d.m.clone(), d.m.c, d.m.replicas})
		var dy *Slice
		if k < 2 { // the third has only its sums
			dy = &Slice{Buf: 100*i + 40 + k, Off: o.outOff, C: o.c, Pitch: o.outOff + o.c + k}
		}
		t := newTensor(r, s, n, o.outOff+o.c+k)
		p.DY, p.dy, p.dyBefore = append(p.DY, dy), append(p.dy, t), append(p.dyBefore, tensor{t.clone(), s, t.pitch})
	}
	for _, g := range p.terms {
		p.Terms = append(p.Terms, g.Grad)
	}
	for _, g := range p.sums {
		p.Sums = append(p.Sums, g.Grad)
	}
	return p
}

// args adds the part's arguments; its terms and sums are counted through all parts.
func (p normPart) args(args map[string]any, part int, term, sum *int) {
	args[fmt.Sprintf("dst%d", part)], args[fmt.Sprintf("dx%d", part)], args[fmt.Sprintf("x%d", part)] = p.dst.memory, p.dx.memory, p.x.memory
	for _, g := range p.terms {
		for name, v := range map[string]any{"g": g.g.arg(), "mask": g.mask.arg(), "y": g.y.arg(), "norm": g.m.arg(), "block": g.block} {
			args[fmt.Sprintf("%s%d", name, *term)] = v
		}
		*term++
	}
	for k, g := range p.sums {
		for name, v := range map[string]any{"smask": g.mask.arg(), "sy": g.y.arg(), "snorm": g.m.arg(), "sblock": g.block, "gamma_at": p.params[k].gammaAt, "beta_at": p.params[k].betaAt, "dy": p.dy[k].memory} {
			args[fmt.Sprintf("%s%d", name, *sum)] = v
		}
		*sum++
	}
}

// check compares the part's outputs with float64.
func (p normPart) check(t *testing.T, name string, step Step, n int, flat, grads *memory) {
	t.Helper()
	s := p.Shape
	checkOutput(t, name+": dst", n, p.Dst, p.dst, p.before, func(i, q, c int) (v, size float64) {
		if p.Read {
			return p.before.get(p.Dst, i, q, c), 0
		}
		if p.Accumulate {
			v = p.before.get(p.Dst, i, q, c)
		}
		size = math.Abs(v) + 1
		if p.X == nil || p.x.get(*p.X, i, q, c) > 0 {
			v += p.dx.get(*p.DX, i, q, c)
			size += math.Abs(v)
		}
		for _, g := range p.terms {
			further := g.g.get(g.G, i, q, c)
			v += g.whole(further, g.betas(step, n, s.Replicas)[i], i, n, q, c)
			size += math.Abs(v) + g.size(further, i, n, q, c)
		}
		return v, size
	})
	for k, g := range p.sums {
		if !p.Known {
			sumsOf{grad: g, before: p.norms[k], params: p.params[k], flat: flat, grads: grads}.check(t, fmt.Sprintf("%s: sum %d", name, k), step, n)
		}
		if p.DY[k] == nil {
			if !bytes.Equal(p.dy[k].data, p.dyBefore[k].data) {
				t.Fatalf("%s: gradient %d is not wanted, and was stored", name, k)
			}
			continue
		}
		betas := g.betas(step, n, s.Replicas)
		checkOutput(t, fmt.Sprintf("%s: dy %d", name, k), n, *p.DY[k], p.dy[k], p.dyBefore[k], func(i, q, c int) (float64, float64) {
			v := g.g.get(g.G, i, q, c)
			return g.whole(v, betas[i], i, n, q, c), g.size(v, i, n, q, c)
		})
	}
}

// testGradNorm runs parts side by side, with room for all tensors, for some of them and for none:
// each is right, and all have the same bits.
func testGradNorm(t *testing.T, name string, blocks, n int, seed uint64, make func(r *rand.Rand, free *[]int) []normPart) {
	const params = 12000
	var first []byte
	kept := map[int]bool{}
	for _, room := range []int{1 << 17, 12 << 10, 0} {
		r := rand.New(rand.NewPCG(seed, 7))
		free := r.Perm(params)
		step := Step{Seed: 4, Iteration: 9}
		flat, grads := randoms(r, F32, params, 1, 1), randoms(r, F32, params, 0, 1)
		args := map[string]any{"step": step.memory(), "params": flat, "grads": grads, "n": n}
		spec := GradNormSpec{Blocks: blocks, Room: room, Images: n}
		parts := make(r, &free)
		term, sum := 0, 0
		for i, p := range parts {
			p.args(args, i, &term, &sum)
			spec.Parts = append(spec.Parts, p.GradNormPart)
		}
		k, err := spec.Kernel()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		l := k.Launch(n)
		if got := int(l.Grid[0] * l.Grid[1] * l.Grid[2]); !l.Cooperative || got > blocks {
			t.Errorf("%s: %d blocks, want at most %d, in a cooperative launch", name, got, blocks)
		}
		kept[int(l.Shared)] = true
		args["partial"], args["counter"] = scratch(k, n), counters(k)
		run(t, spec, n, args)
		idle(t, args["counter"].(*memory))
		var all []byte
		for i, p := range parts {
			p.check(t, fmt.Sprintf("%s, %d bytes: part %d", name, room, i), step, n, flat, grads)
			all = append(all, p.dst.data...)
			for k := range p.dy {
				all = append(append(all, p.dy[k].data...), p.sums[k].m.data...)
			}
		}
		all = append(all, grads.data...)
		if first == nil {
			first = all
		} else if !bytes.Equal(first, all) {
			t.Errorf("%s: other bits with %d bytes of shared memory", name, room)
		}
	}
	if len(kept) < 2 {
		t.Errorf("%s: the room changes nothing: %v", name, kept)
	}
}

func TestGradNorm(t *testing.T) {
	cases(func(name string, s Shape, n, i int) {
		if i > 3 && !exhaustive.On() {
			return // every type and kind has been
		}
		testGradNorm(t, name, 264, n, uint64(i), func(r *rand.Rand, free *[]int) []normPart {
			part := func(at, l int, known, read bool, sums int) normPart {
				return newNormPart(r, s, n, at, l, normKind{known, read, sums}, free)
			}
			switch i % 3 {
			case 0: // the end of a block: both branches' norms, and a skip's
				return []normPart{part(0, i, false, false, 3)}
			case 1: // both branches' first norms, and a skip's whose sums are there
				return []normPart{part(0, i, false, true, 1), part(1, i, false, true, 1), part(2, i, true, true, 1)}
			}
			return []normPart{part(0, i, false, true, 2), part(1, i, false, false, 1)}
		})
	})
	one := func(s Shape, n, l, sums int) func(r *rand.Rand, free *[]int) []normPart {
		return func(r *rand.Rand, free *[]int) []normPart {
			return []normPart{newNormPart(r, s, n, 0, l, normKind{sums: sums}, free)}
		}
	}
	testGradNorm(t, "70 images in 8 blocks", 8, 70, 11, one(Shape{F32, 3, 3, 2}, 70, 0, 2))
	testGradNorm(t, "3 replicas of 2 images", 264, 2, 12, one(Shape{F16, 5, 9, 3}, 2, 2, 2))
	testGradNorm(t, "parts of a map", 6, 2, 13, one(Shape{BF16, 16, 16, 1}, 2, 1, 1))
}

// A spec that the kernel cannot do is refused by name.
func TestGradNormSpec(t *testing.T) {
	s, a := Shape{Type: BF16, H: 4, W: 4, Replicas: 2}, Slice{C: 16, Pitch: 16}
	g := Grad{G: a, Norm: &NormRef{C: 16}, Y: &a}
	good := func() GradNormSpec {
		return GradNormSpec{Blocks: 264, Images: 4, Parts: []GradNormPart{{GradSumSpec: GradSumSpec{Shape: s, Dst: a, Read: true, Sums: []Grad{g}}, DY: []*Slice{&a}}}}
	}
	if _, err := good().Kernel(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*GradNormSpec){
		"Parts":              func(s *GradNormSpec) { s.Parts = nil },
		"Blocks":             func(s *GradNormSpec) { s.Blocks, s.Images = 1, 4 },
		"Images":             func(s *GradNormSpec) { s.Images = 0 },
		"Parts[1].Shape":     func(s *GradNormSpec) { s.Parts = append(s.Parts, s.Parts[0]); s.Parts[1].H = 5 },
		"Parts[0].DY":        func(s *GradNormSpec) { s.Parts[0].DY = nil },
		"Parts[0].Known":     func(s *GradNormSpec) { s.Parts[0].Known, s.Parts[0].Read = true, false },
		"Parts[0].Sums[0].G": func(s *GradNormSpec) { s.Parts[0].Sums = []Grad{g.sub(0, 8)} },
		"Parts[0].DY[0].C":   func(s *GradNormSpec) { s.Parts[0].DY = []*Slice{{C: 8, Pitch: 16}} },
		"Parts[0].Sums[0].Mask": func(s *GradNormSpec) {
			h := g
			h.Mask = &a
			s.Parts[0].Sums, s.Parts[0].DY = []Grad{h, g}, []*Slice{&a, &a}
		},
	} {
		x := good()
		spoil(&x)
		_, err := x.Kernel()
		var refused *SpecError
		if !errors.As(err, &refused) || refused.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// The first stage of 26 2x32d, and the sums of both branches at once: a grid of two blocks for each
// of 132 multiprocessors, with all of three tensors in 113 KiB a block, and most of four.
func TestGradNormFits(t *testing.T) {
	s := Shape{Type: BF16, H: 32, W: 32, Replicas: 2}
	slice := func(buf int) Slice { return Slice{Buf: buf, C: 32, Pitch: 32} }
	sum := func(g, y int) Grad {
		return Grad{G: slice(g), Norm: &NormRef{C: 32}, Y: ptr(slice(y))}
	}
	part := func(sums ...Grad) GradNormPart {
		p := GradNormPart{GradSumSpec: GradSumSpec{Shape: s, Dst: sums[0].G, Read: true, Sums: sums}}
		for k := range sums {
			p.DY = append(p.DY, ptr(slice(sums[k].Y.Buf+50)))
		}
		return p
	}
	for _, c := range []struct {
		parts       []GradNormPart
		least, most float64 // part of the tensors that is kept
	}{
		{[]GradNormPart{part(sum(0, 1), sum(0, 2))}, 1, 1},
		{[]GradNormPart{part(sum(0, 1)), part(sum(2, 3))}, 0.7, 1},
	} {
		spec := GradNormSpec{Blocks: 264, Room: 113 << 10, Images: 128, Parts: c.parts}
		k, err := spec.Kernel()
		if err != nil {
			t.Fatal(err)
		}
		l := k.Launch(128)
		blocks := int(l.Grid[0] * l.Grid[1] * l.Grid[2])
		tensors := 0
		for _, p := range c.parts {
			tensors += (1 + len(p.Sums)) * 128 * 32 * 32 * 32 * 2
		}
		part := float64(blocks*int(l.Shared)) / float64(tensors)
		t.Logf("%d blocks of %d bytes: %.2f of the tensors", blocks, l.Shared, part)
		if blocks > 264 || blocks < 240 || int(l.Shared) > spec.Room || part < c.least || part > c.most {
			t.Errorf("%d blocks of %d bytes, which is %.2f of the tensors: want %v to %v", blocks, l.Shared, part, c.least, c.most)
		}
	}
}
