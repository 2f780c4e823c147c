package gpu

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"shake/internal/engine"
)

// String lists the launches of a training step, with the blocks of our own weight gradient on an
// H100 where that is a rival, and those of a cooperative launch for several, with their stream if
// it is not the main one, and the launches on other streams that they wait for. The buffers follow,
// with the first and the last launch that uses them and their place in the arena.
func (l *List) String() string {
	var sb strings.Builder
	fmt.Fprintf(&sb, "list %s: %s, batch %d, replicas %d: %d launches, %d buffers, %.1f MiB; %d parameters with padding, %d packed\n",
		l.Plan.Graph.Name, l.Type, l.Batch, l.Replicas, len(l.Ops), len(l.Plan.Buffers), float64(l.Arena)/(1<<20), l.Params.Floats, l.Params.Packed)
	tw := tabwriter.NewWriter(&sb, 0, 0, 2, ' ', 0)
	for i, o := range l.Ops {
		fmt.Fprintf(tw, "%3d\t%s%s%s%s\n", i, l.op(o), l.ownFilterText(o), l.cooperativeText(i), l.Items[i])
	}
	tw.Flush()
	sb.WriteString("\nbuffers\n")
	tw = tabwriter.NewWriter(&sb, 0, 0, 2, ' ', 0)
	for i, b := range l.Plan.Buffers {
		life := "unused"
		if b.First != engine.None {
			life = fmt.Sprintf("%d-%d\tat %d", b.First, b.Last, b.Offset)
		}
		fmt.Fprintf(tw, "%%%d\t%s\t%dx%dx%d\t%s\n", i, b.Name, b.C, b.H, b.W, life)
	}
	tw.Flush()
	return sb.String()
}

// String writes the unusual: a stream beside the main one, and edges.
func (it Item) String() string {
	var s string
	if it.Stream != mainStream {
		s = fmt.Sprintf("; stream %d", it.Stream)
	}
	for i, j := range it.After {
		s += []string{"; after ", ", "}[min(i, 1)] + strconv.Itoa(j)
	}
	return s
}

func (l *List) op(o Op) string {
	p := l.Plan
	switch o := o.(type) {
	case *Augment:
		return fmt.Sprintf("augment\t%%%d", o.Y)
	case *Pack:
		return fmt.Sprintf("pack\t%d weights", l.Params.Packed)
	case *Conv:
		return fmt.Sprintf("conv\t%s = %s * %s", l.part(o.Y), l.part(o.X), o.Call)
	case *Stats:
		return fmt.Sprintf("stats\t%%%d%s", o.X, p.StatsText(o.Stats))
	case *Apply:
		return fmt.Sprintf("apply\t%%%d = %s", o.Y, p.ViewText(o.X))
	case *Pool:
		return fmt.Sprintf("pool\t%%%d = %s", o.Y, p.PoolText(o.Op, o.X.Buf, o.X.Off))
	case *PoolGrad:
		return fmt.Sprintf("poolgrad\t%%%d = %%%d of %s", o.DX, o.DY, p.PoolText(o.Op, o.X.Buf, o.X.Off))
	case *Drop:
		return fmt.Sprintf("drop\t%%%d = %s", o.Y, p.DropText(o.Op, o.X.Buf, o.X.Off))
	case *Copy:
		return fmt.Sprintf("widen\t%s = %s", l.part(o.Y), l.part(o.X))
	case *Join:
		return "join\t" + l.join(o)
	case *Correlate:
		return fmt.Sprintf("correlate\t%s, %s", p.ViewText(o.A), p.ViewText(o.B))
	case *Head:
		if o.DX == nil {
			return "head\t" + p.ViewText(o.X)
		}
		return fmt.Sprintf("head\t%s; %s", p.ViewText(o.X), p.OutText(o.DX, "d head"))
	case *Clear:
		return fmt.Sprintf("clear\t%%%d", o.Y)
	case *Zero:
		return "zero"
	case *AllReduce:
		n := 0
		for _, s := range o.Spans {
			n += s.N
		}
		if o.Losses {
			return "allreduce\tlosses"
		}
		return fmt.Sprintf("allreduce\t%d gradients", n)
	case *HeadGrad:
		return "headgrad\t" + p.Graph.Params[o.Op.W].Name
	case *Tally:
		return "tally"
	case *GradConcat:
		var terms []string
		for _, g := range o.Terms {
			terms = append(terms, p.GradText(g))
		}
		return fmt.Sprintf("dy\t%%%d = [%s]", o.Y, strings.Join(terms, ", "))
	case *ConvData:
		op := "="
		if o.Call.Again {
			op = "+="
		}
		return fmt.Sprintf("dgrad\t%s %s %s * %s", l.part(o.DX), op, l.part(o.DY), o.Call)
	case *ConvFilter:
		return fmt.Sprintf("wgrad\t%s, %s * %s", l.part(o.X), l.part(o.DY), o.Call)
	case *GradSum:
		return "grad\t" + l.gradSum(o)
	case *Unpack:
		return fmt.Sprintf("unpack\t%d weights", l.Params.Packed)
	case *Finite:
		return "finite"
	case *Clip:
		return "clip"
	case *Rescale:
		return "rescale"
	case *SGD:
		return fmt.Sprintf("sgd\tw[%d:%d]", o.Lo, o.Hi)
	}
	return fmt.Sprintf("%T", o)
}

func (l *List) part(p Part) string { return l.Plan.Part(p.Buf, p.Off, p.C) }

func (l *List) join(o *Join) string {
	var terms []string
	if o.Skip != nil {
		terms = append(terms, l.Plan.ViewText(*o.Skip))
	}
	for k, b := range o.Branches {
		terms = append(terms, fmt.Sprintf("a%d.%d %s", o.Block, k, l.Plan.ViewText(b)))
	}
	sum := strings.Join(terms, " + ")
	if o.ReLU {
		sum = "relu(" + sum + ")"
	}
	s := fmt.Sprintf("%%%d = %s", o.Y, sum)
	if o.Copy != engine.None {
		s += fmt.Sprintf("; %%%d = relu(%%%d)", o.Copy, o.Y)
	}
	return s
}

func (l *List) gradSum(o *GradSum) string {
	if !o.Write {
		return l.part(o.Dst) + l.Plan.SumsText(o.Sums)
	}
	var terms []string
	if o.DX.Buf != engine.None {
		terms = append(terms, l.part(o.DX))
		if o.Mask.Buf != engine.None {
			terms[0] += fmt.Sprintf(" [%s>0]", l.part(o.Mask))
		}
	}
	for _, g := range o.Terms {
		terms = append(terms, l.Plan.GradText(g))
	}
	op := "="
	if o.Accumulate {
		op = "+="
	}
	return fmt.Sprintf("%s %s %s%s", l.part(o.Dst), op, strings.Join(append(terms, "0")[:max(len(terms), 1)], " + "), l.Plan.SumsText(o.Sums))
}

// String writes the filter's shape and place.
func (c Call) String() string {
	s := fmt.Sprintf("%dx%dx%dx%d", c.K, c.R, c.S, c.C/c.Groups)
	if c.Groups > 1 {
		s += fmt.Sprintf(" g%d", c.Groups)
	}
	s += fmt.Sprintf(" pad %d,%d", c.PadH, c.PadW)
	if c.Stride > 1 {
		s += fmt.Sprintf(" /%d", c.Stride)
	}
	where := "w"
	if c.Filter.Packed {
		where = "packed"
	}
	return fmt.Sprintf("{%s %s[%d]}", s, where, c.Filter.Offset)
}
