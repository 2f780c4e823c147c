package engine

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"shake/internal/graph"
)

// String lists the steps of a training iteration, then the buffers with the steps they live through
// and their place in the arena.
func (p *Plan) String() string {
	var sb strings.Builder
	fmt.Fprintf(&sb, "plan %s: %d steps, %d buffers, %d norms, %.1f KiB an image\n", p.Graph.Name, len(p.Steps()), len(p.Buffers), len(p.Norms), float64(p.Floats)*4/1024)
	tw := tabwriter.NewWriter(&sb, 0, 0, 2, ' ', 0)
	for i, s := range p.Steps() {
		fmt.Fprintf(tw, "%3d\t%s\n", i, p.step(s))
	}
	tw.Flush()
	sb.WriteString("\nbuffers\n")
	tw = tabwriter.NewWriter(&sb, 0, 0, 2, ' ', 0)
	for i, b := range p.Buffers {
		place := fmt.Sprintf("at %d", b.Offset)
		if b.InPlace != None {
			place += fmt.Sprintf(", over %%%d", b.InPlace)
		}
		fmt.Fprintf(tw, "%%%d\t%s\t%dx%dx%d\tsteps %d-%d\t%s\n", i, b.Name, b.C, b.H, b.W, b.First, b.Last, place)
	}
	tw.Flush()
	return sb.String()
}

func (p *Plan) step(s PlanStep) string {
	switch s := s.(type) {
	case *ConvStep:
		return fmt.Sprintf("conv\t%%%d = %s * %s%s", s.Y, p.ViewText(s.X), p.weights(s.Op), p.StatsText(s.Stats))
	case *NormStep:
		return fmt.Sprintf("norm\t@%d %s", s.Norm, p.NormText(s.Norm))
	case *ApplyStep:
		return fmt.Sprintf("apply\t%%%d = %s%s", s.Y, p.ViewText(s.X), p.StatsText(s.Stats))
	case *StatsStep:
		return fmt.Sprintf("stats\t%%%d%s", s.X, p.StatsText(s.Stats))
	case *PoolStep:
		return fmt.Sprintf("pool\t%%%d = %s", s.Y, p.PoolText(s.Op, s.X, s.Off))
	case *PoolBackStep:
		return fmt.Sprintf("pool'\t%%%d = %%%d of %s", s.DX, s.DY, p.PoolText(s.Op, s.X, s.Off))
	case *DropStep:
		return fmt.Sprintf("drop\t%%%d = %s", s.Y, p.DropText(s.Op, s.X, s.Off))
	case *CopyStep:
		return fmt.Sprintf("copy\t%s = %s", p.Part(s.Y, s.YOff, s.End-s.YOff), p.Part(s.X, s.XOff, s.C))
	case *JoinStep:
		var terms []string
		if s.Skip != nil {
			terms = append(terms, p.ViewText(*s.Skip))
		}
		for k, b := range s.Branches {
			terms = append(terms, fmt.Sprintf("a%d.%d %s", s.Block, k, p.ViewText(b)))
		}
		sum := strings.Join(terms, " + ")
		if s.ReLU {
			sum = "relu(" + sum + ")"
		}
		return fmt.Sprintf("join\t%%%d = %s%s", s.Y, sum, p.StatsText(s.Stats))
	case *CorrelateStep:
		return fmt.Sprintf("correlate\t%s, %s", p.ViewText(s.A), p.ViewText(s.B))
	case *HeadStep:
		return fmt.Sprintf("head\t%s; %s%s", p.ViewText(s.X), p.OutText(&s.DX, "d head"), p.SumsText(s.Sums))
	case *ConvBackStep:
		var dy []string
		for _, g := range s.DY {
			dy = append(dy, p.GradText(g))
		}
		out := "no dx"
		if s.DX != nil {
			out = p.OutText(s.DX, "dx")
		}
		return fmt.Sprintf("conv'\tdy = [%s], x = %s; %s%s; dw %s", strings.Join(dy, ", "), p.ViewText(s.X), out, p.SumsText(s.Sums), p.weights(s.Op))
	case *NormBackStep:
		return fmt.Sprintf("norm'\t@%d %s", s.Norm, p.NormText(s.Norm))
	case *SumsStep:
		return fmt.Sprintf("sums\t%s", strings.TrimPrefix(p.SumsText(s.Sums), "; "))
	case *GradSumStep:
		var terms []string
		if s.Accumulate {
			terms = append(terms, "itself")
		}
		for _, g := range s.Terms {
			terms = append(terms, p.GradText(g))
		}
		if len(terms) == 0 {
			terms = []string{"0"}
		}
		return fmt.Sprintf("gradsum\t%s = %s%s", p.Part(s.Buf, s.Off, s.C), strings.Join(terms, " + "), p.SumsText(s.Sums))
	}
	return fmt.Sprintf("%T", s)
}

// Part names channels of a buffer, the whole of it by its number alone.
func (p *Plan) Part(b BufID, off, c int) string {
	if off == 0 && c == p.Buffers[b].C {
		return fmt.Sprintf("%%%d", b)
	}
	return fmt.Sprintf("%%%d[%d:%d]", b, off, off+c)
}

// ViewText writes the source of a view.
func (p *Plan) ViewText(v View) string {
	s := p.Part(v.Buf, v.Off, v.C)
	if v.Norm != None {
		s = fmt.Sprintf("norm@%d(%s)", v.Norm, s)
	}
	if v.ReLU {
		s = "relu(" + s + ")"
	}
	return s
}

// GradText writes the sources of a gradient.
func (p *Plan) GradText(g Grad) string {
	s := p.Part(g.Buf, g.Off, g.C)
	if g.Block != None {
		s = fmt.Sprintf("b%d.%d %s", g.Block, g.Branch, s)
	}
	if g.Mask != None {
		s += fmt.Sprintf(" [%s>0]", p.Part(g.Mask, g.MaskOff, g.C))
	}
	y := View{Buf: g.Y, Off: g.YOff, C: g.C, Norm: g.Norm, NormOff: g.NormOff}
	if g.ReLU {
		s += fmt.Sprintf(" [%s>0]", p.ViewText(y))
	}
	if g.Norm != None {
		s = fmt.Sprintf("norm'@%d(%s)", g.Norm, s)
	}
	return s
}

// PoolText writes a pool's windows and its input.
func (p *Plan) PoolText(o *graph.Pool, x BufID, off int) string {
	kind := "mean"
	if o.Max {
		kind = "max"
	}
	return fmt.Sprintf("%s %dx%d /%d pad %d (%s)", kind, o.R, o.S, o.Stride, o.Pad, p.Part(x, off, o.X.C))
}

// DropText writes a dropout's input.
func (p *Plan) DropText(o *graph.Dropout, x BufID, off int) string {
	return fmt.Sprintf("drop%d %v (%s)", o.Index, o.Rate, p.Part(x, off, o.X.C))
}

// OutText writes where the gradient called name goes.
func (p *Plan) OutText(o *GradOut, name string) string {
	s := name
	if o.ReLU {
		s += " [x>0]"
	}
	if o.Residual != nil {
		s += " + " + p.GradText(*o.Residual)
	}
	op := "="
	if o.Accumulate {
		op = "+="
	}
	return fmt.Sprintf("%s %s %s", p.Part(o.Buf, o.Off, o.C), op, s)
}

// StatsText lists the norms whose statistics are taken.
func (p *Plan) StatsText(st []StatsOf) string {
	var sb strings.Builder
	for _, s := range st {
		fmt.Fprintf(&sb, "; stats @%d", s.Norm)
	}
	return sb.String()
}

// SumsText lists the norms and channels whose backward sums are taken.
func (p *Plan) SumsText(ss []SumsOf) string {
	var sb strings.Builder
	for _, s := range ss {
		g := s.Of
		fmt.Fprintf(&sb, "; sums @%d[%d:%d]", g.Norm, g.NormOff, g.NormOff+g.C)
	}
	return sb.String()
}

func (p *Plan) weights(op *graph.Conv) string {
	var w []string
	for _, part := range op.Parts {
		s := fmt.Sprintf("%s %dx%d", p.Graph.Params[part.W].Name, part.R, part.S)
		if part.Groups > 1 {
			s += fmt.Sprintf(" g%d", part.Groups)
		}
		w = append(w, s)
	}
	stride := ""
	if op.Stride > 1 {
		stride = fmt.Sprintf(" /%d", op.Stride)
	}
	return "{" + strings.Join(w, ", ") + "}" + stride
}

// NormText lists the layers of a norm.
func (p *Plan) NormText(id NormID) string {
	var s []string
	for _, part := range p.Norms[id].Parts {
		s = append(s, part.Name)
	}
	return strings.Join(s, " ")
}
