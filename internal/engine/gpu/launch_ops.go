package gpu

import (
	"fmt"

	kernels "shake/csrc/cuda"
	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
)

// operands are the tensors that one launch reads and writes pixel by pixel. The lanes behind the
// last channel take part if every operand has them.
type operands struct {
	*List
	wide bool
}

func (l *List) operands(ps ...Part) operands {
	o := operands{l, true}
	for _, p := range ps {
		b := l.Plan.Buffers[p.Buf]
		o.wide = o.wide && p.Off%lanes == 0 && (p.Off+p.C == b.C || b.Grows && p.Off == 0)
	}
	return o
}

func viewPart(v engine.View) Part { return Part{v.Buf, v.Off, v.C} }

func gradParts(gs ...engine.Grad) []Part {
	var ps []Part
	for _, g := range gs {
		ps = append(ps, Part{g.Buf, g.Off, g.C})
		if g.Mask != engine.None {
			ps = append(ps, Part{g.Mask, g.MaskOff, g.C})
		}
		if g.Y != engine.None {
			ps = append(ps, Part{g.Y, g.YOff, g.C})
		}
	}
	return ps
}

func (l *List) shape(b BufID) kernels.Shape {
	t := l.Plan.Buffers[b]
	return kernels.Shape{Type: l.Type, H: t.H, W: t.W, Replicas: l.Replicas}
}

// normWidth is the channels of a norm's arrays.
func (l *List) normWidth(id engine.NormID) int { return round(l.Plan.Norms[id].X.C) }

func (l *List) norm(id engine.NormID, off int) *kernels.NormRef {
	if id == engine.None {
		return nil
	}
	return &kernels.NormRef{Off: off, C: l.normWidth(id)}
}

func (o operands) slice(b BufID, off, c int) kernels.Slice {
	if o.wide {
		c = round(c)
	}
	return kernels.Slice{Buf: int(b), Off: off, C: c, Pitch: round(o.Plan.Buffers[b].C)}
}

func (o operands) part(p Part) kernels.Slice { return o.slice(p.Buf, p.Off, p.C) }

func (o operands) view(v engine.View) kernels.View {
	return kernels.View{Slice: o.slice(v.Buf, v.Off, v.C), Norm: o.norm(v.Norm, v.NormOff), ReLU: v.ReLU}
}

func (o operands) grad(g engine.Grad) kernels.Grad {
	k := kernels.Grad{G: o.slice(g.Buf, g.Off, g.C), Norm: o.norm(g.Norm, g.NormOff), ReLU: g.ReLU}
	if g.Mask != engine.None {
		m := o.slice(g.Mask, g.MaskOff, g.C)
		k.Mask = &m
	}
	if g.Block != engine.None {
		d := draw(o.Plan.Graph.Blocks[g.Block])
		k.Draw, k.Branch = &d, g.Branch
	}
	if g.Y != engine.None {
		y := o.slice(g.Y, g.YOff, g.C)
		k.Y = &y
	}
	return k
}

// draw describes the draws of a block to the kernels.
func draw(b graph.Block) kernels.Draw {
	s := b.Shake
	d := kernels.Draw{Branches: b.Branches, Forward: kernels.Mode(s.Forward), Backward: kernels.Mode(s.Backward), Level: kernels.Level(s.Level), Low: s.Range[0], High: s.Range[1]}
	if s.Forward == dsl.Drop {
		d.BackLow, d.BackHigh, d.Open, d.Expected = s.BackwardRange[0], s.BackwardRange[1], b.Open, b.Expected()
	}
	return d
}

func buffer(b BufID) Arg {
	if b == engine.None {
		return Arg{}
	}
	return Arg{Activation, int(b)}
}

func normArg(kind ArgKind, id engine.NormID) Arg {
	if id == engine.None {
		return Arg{}
	}
	return Arg{kind, int(id)}
}

func (l *List) applyLaunch(s *Apply, m mode) (*Launch, error) {
	if s.Back && m == evaluation {
		return nil, nil
	}
	y := l.whole(s.Y)
	o := l.operands(viewPart(s.X), y)
	return launch(kernels.ApplySpec{Shape: l.shape(s.Y), X: o.view(s.X), Y: o.part(y)},
		map[string]Arg{"x": buffer(s.X.Buf), "norm": normArg(Norm, s.X.Norm), "y": buffer(s.Y)})
}

func (l *List) statsLaunch(s *Stats) (*Launch, error) {
	var ps []Part
	for _, st := range s.Stats {
		ps = append(ps, Part{s.X, st.Off, l.Plan.Norms[st.Norm].X.C})
	}
	spec := kernels.StatsSpec{Shape: l.shape(s.X), X: operands{l, true}.part(l.whole(s.X))}
	named := map[string]Arg{"x": buffer(s.X)}
	for k, st := range s.Stats {
		slice := l.operands(ps[k]).part(ps[k])
		spec.Norms = append(spec.Norms, kernels.StatsOf{Off: slice.Off, C: slice.C, Norm: *l.norm(st.Norm, 0)})
		for name, kind := range map[string]ArgKind{"gamma_at": GammaAt, "beta_at": BetaAt, "norm": Norm, "running": Running} {
			named[fmt.Sprintf("%s%d", name, k)] = Arg{kind, int(st.Norm)}
		}
	}
	return launch(spec, named)
}

func (l *List) joinLaunch(s *Join, m mode) (*Launch, error) {
	y := l.whole(s.Y)
	ps := []Part{y}
	for _, b := range s.Branches {
		ps = append(ps, viewPart(b))
	}
	if s.Skip != nil {
		ps = append(ps, viewPart(*s.Skip))
	}
	o := l.operands(ps...)
	spec := kernels.JoinSpec{Shape: l.shape(s.Y), Draw: draw(l.Plan.Graph.Blocks[s.Block]), Y: o.part(y), ReLU: s.ReLU, Eval: m == evaluation}
	named := map[string]Arg{"block": {Number, s.Block}, "y": buffer(s.Y)}
	for k, b := range s.Branches {
		spec.Branches = append(spec.Branches, o.view(b))
		named[fmt.Sprintf("x%d", k)], named[fmt.Sprintf("norm%d", k)] = buffer(b.Buf), normArg(Norm, b.Norm)
	}
	if s.Skip != nil {
		v := o.view(*s.Skip)
		spec.Skip = &v
		named["skip"], named["skip_norm"] = buffer(s.Skip.Buf), normArg(Norm, s.Skip.Norm)
	}
	if s.Copy != engine.None {
		c := o.part(l.whole(s.Copy))
		spec.Copy = &c
		named["copy"] = buffer(s.Copy)
	}
	return launch(spec, named)
}

func (l *List) gradConcatLaunch(s *GradConcat) (*Launch, error) {
	spec := kernels.GradConcatSpec{Shape: l.shape(s.Y), DY: operands{l, true}.part(l.whole(s.Y))}
	named := map[string]Arg{"dy": buffer(s.Y)}
	off := 0
	for k, g := range s.Terms {
		o := l.operands(append(gradParts(g), Part{s.Y, off, g.C})...)
		off += g.C
		spec.Grads = append(spec.Grads, o.grad(g))
		gradArgs(named, "", k, g)
	}
	if last := spec.Grads[len(spec.Grads)-1].G; last.C == s.Terms[len(s.Terms)-1].C {
		spec.DY.C = off // the lanes behind stay out
	}
	return launch(spec, named)
}

// gradArgs names the arguments of gradient k of a list.
func gradArgs(named map[string]Arg, prefix string, k int, g engine.Grad) {
	name := func(s string) string { return fmt.Sprintf("%s%s%d", prefix, s, k) }
	if prefix == "" {
		named[name("g")] = buffer(g.Buf)
	}
	named[name("mask")], named[name("y")], named[name("norm")] = buffer(g.Mask), buffer(g.Y), normArg(Norm, g.Norm)
	named[name("block")] = Arg{Number, max(g.Block, 0)}
}

// gradSumParts are the operands of a sum of gradients.
func (l *List) gradSumParts(s *GradSum) []Part {
	ps := []Part{s.Dst}
	for _, p := range []Part{s.DX, s.Mask} {
		if p.Buf != engine.None {
			ps = append(ps, p)
		}
	}
	for _, x := range s.Sums {
		ps = append(ps, gradParts(x.Of)...)
	}
	return append(ps, gradParts(s.Terms...)...)
}

func (o operands) gradSumSpec(s *GradSum) kernels.GradSumSpec {
	spec := kernels.GradSumSpec{Shape: o.shape(s.Dst.Buf), Dst: o.part(s.Dst), Read: !s.Write, Accumulate: s.Accumulate}
	if s.DX.Buf != engine.None {
		x := o.part(s.DX)
		spec.DX = &x
	}
	if s.Mask.Buf != engine.None {
		x := o.part(s.Mask)
		spec.X = &x
	}
	for _, g := range s.Terms {
		spec.Terms = append(spec.Terms, o.grad(g))
	}
	for _, x := range s.Sums {
		spec.Sums = append(spec.Sums, o.grad(x.Of))
	}
	return spec
}

func (l *List) gradSumLaunch(s *GradSum) (*Launch, error) {
	named := map[string]Arg{"dst": buffer(s.Dst.Buf), "dx": buffer(s.DX.Buf), "x": buffer(s.Mask.Buf)}
	for k, g := range s.Terms {
		gradArgs(named, "", k, g)
	}
	for k, x := range s.Sums {
		gradArgs(named, "s", k, x.Of)
		named[fmt.Sprintf("gamma_at%d", k)], named[fmt.Sprintf("beta_at%d", k)] = Arg{GammaAt, int(x.Of.Norm)}, Arg{BetaAt, int(x.Of.Norm)}
	}
	return launch(l.operands(l.gradSumParts(s)...).gradSumSpec(s), named)
}
