package gpu

import (
	"errors"
	"fmt"
	"slices"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
	"shake/internal/engine"
	"shake/internal/engine/gpu/predict"
)

// CooperativeBackward is the kind of rival that completes gradients, takes the backward sums of
// norms and stores the gradients in front of them in one cooperative launch
// (csrc/cuda/gradnorm.cu). Its tensors stay in shared memory in between, as far as they have room
// there.
const CooperativeBackward = "cooperative norm backward"

// chip is the size of a card that cooperative launches depend on: multiprocessors, and bytes of
// shared memory of each.
type chip struct{ sms, shared int }

// usualChip is that of an H100, for which lists are printed.
var usualChip = chip{sms: 132, shared: 228 << 10}

// room is the shared memory of each of two blocks of a multiprocessor.
func (c chip) room() int { return c.shared/2 - predict.SharedToll }

// chip asks the card.
func (p *program) chip() (chip, error) {
	shared, err := p.card.Attribute(cuda.MaxSharedPerSM)
	return chip{p.card.SMs(), shared}, err
}

// cooperativeBackward is the rival of a run of sums and gradients; nil where the kernel does not
// take it.
func (l *List) cooperativeBackward(s stretch, card chip) (*rival, error) {
	k, err := l.gradNormLaunch(s, card)
	var refused *kernels.SpecError
	if errors.As(err, &refused) || k == nil && err == nil {
		return nil, nil
	}
	return &rival{kind: CooperativeBackward, at: s.at, count: s.count, after: []*Launch{k}, cooperative: true}, err
}

// front is the place of a gradient in front of a norm.
type front struct {
	of engine.Grad
	dy Part
}

// fronts are the gradients that the run stores.
func (l *List) fronts(s stretch) (out []front) {
	for _, o := range l.Ops[s.at:s.end()] {
		if o, ok := o.(*GradConcat); ok {
			off := 0
			for _, g := range o.Terms {
				out = append(out, front{g, Part{o.Y, off, g.C}})
				off += g.C
			}
		}
	}
	return out
}

// gradNormLaunch is the launch for a run; nil where a gradient belongs to no norm.
func (l *List) gradNormLaunch(s stretch, card chip) (*Launch, error) {
	fronts := l.fronts(s)
	var sums []*GradSum
	var ps []Part
	for _, f := range fronts {
		if f.of.Norm == engine.None {
			return nil, nil
		}
		ps = append(append(ps, f.dy), gradParts(f.of)...)
	}
	for _, o := range l.Ops[s.at:s.end()] {
		if o, ok := o.(*GradSum); ok {
			sums = append(sums, o)
			ps = append(ps, l.gradSumParts(o)...)
		}
	}
	n := gradNorm{operands: l.operands(ps...), named: map[string]Arg{}}
	n.spec = kernels.GradNormSpec{Blocks: 2 * card.sms, Room: card.room(), Images: l.Batch}
	taken := 0
	for _, o := range sums {
		taken += n.sums(o, fronts)
	}
	// The other gradients wait for no sums of this launch.
	for _, f := range fronts {
		if !slices.ContainsFunc(sums, func(o *GradSum) bool { return sumTaken(o, f.of) }) {
			n.known(f)
			taken++
		}
	}
	if taken != len(fronts) { // a gradient that several sums or none are of
		return nil, nil
	}
	return launch(n.spec, n.named)
}

func sumTaken(o *GradSum, g engine.Grad) bool {
	return slices.ContainsFunc(o.Sums, func(x engine.SumsOf) bool { return x.Of == g })
}

// gradNorm collects the parts of a launch.
type gradNorm struct {
	operands
	spec         kernels.GradNormSpec
	named        map[string]Arg
	terms, taken int // terms and sums named
}

// sums adds a part for o and returns the number of its gradients that are stored.
func (n *gradNorm) sums(o *GradSum, fronts []front) (stored int) {
	part := kernels.GradNormPart{GradSumSpec: n.gradSumSpec(o)}
	for _, g := range o.Terms {
		gradArgs(n.named, "", n.terms, g)
		n.terms++
	}
	for _, x := range o.Sums {
		var dy *kernels.Slice
		out := Arg{}
		for _, f := range fronts {
			if f.of == x.Of {
				at := n.part(f.dy)
				dy, out = &at, buffer(f.dy.Buf)
				stored++
			}
		}
		part.DY = append(part.DY, dy)
		n.sum(x.Of, out)
	}
	n.add(part, o.Dst, o.DX, o.Mask)
	return stored
}

// known adds a part for a gradient whose sums were taken before.
func (n *gradNorm) known(f front) {
	g, dy := n.grad(f.of), n.part(f.dy)
	n.sum(f.of, buffer(f.dy.Buf))
	n.add(kernels.GradNormPart{GradSumSpec: kernels.GradSumSpec{Shape: n.shape(f.dy.Buf), Dst: g.G, Read: true, Sums: []kernels.Grad{g}}, DY: []*kernels.Slice{&dy}, Known: true},
		Part{Buf: f.of.Buf}, none, none)
}

// sum names the arguments of a sum.
func (n *gradNorm) sum(g engine.Grad, dy Arg) {
	gradArgs(n.named, "s", n.taken, g)
	n.named[fmt.Sprintf("gamma_at%d", n.taken)], n.named[fmt.Sprintf("beta_at%d", n.taken)] = Arg{GammaAt, int(g.Norm)}, Arg{BetaAt, int(g.Norm)}
	n.named[fmt.Sprintf("dy%d", n.taken)] = dy
	n.taken++
}

func (n *gradNorm) add(part kernels.GradNormPart, dst, dx, x Part) {
	i := len(n.spec.Parts)
	n.spec.Parts = append(n.spec.Parts, part)
	n.named[fmt.Sprintf("dst%d", i)], n.named[fmt.Sprintf("dx%d", i)], n.named[fmt.Sprintf("x%d", i)] = buffer(dst.Buf), buffer(dx.Buf), buffer(x.Buf)
}

// cooperativeText is the note in the printed list about the run that begins at op i.
func (l *List) cooperativeText(i int) string {
	for _, s := range l.stretches {
		if s.at != i {
			continue
		}
		r, err := l.cooperativeBackward(s, usualChip)
		if err != nil || r == nil {
			return ""
		}
		k := r.after[0].Kernel.Launch(l.Batch)
		return fmt.Sprintf("; or %d to %d at once: %dx%dx%d blocks of %d KiB", i, s.end()-1, k.Grid[0], k.Grid[1], k.Grid[2], k.Shared>>10)
	}
	return ""
}

// Cooperative returns the kernels of the cooperative launches that may replace ops of the list, for
// a card of so many multiprocessors with so many bytes of shared memory each.
func (l *List) Cooperative(sms, shared int) (ks []*kernels.Kernel, err error) {
	for _, s := range l.stretches {
		r, err := l.cooperativeBackward(s, chip{sms, shared})
		if err != nil {
			return nil, err
		}
		if r != nil {
			ks = append(ks, r.after[0].Kernel)
		}
	}
	return ks, nil
}
