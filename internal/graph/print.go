package graph

import (
	"fmt"
	"strings"
)

// String lists the graph, one operation a line as "value CxHxW = op(inputs) attributes", one line
// more for each part of a conv or norm. A reference to some channels of a value is value[from:to];
// "virtual" marks values without memory. The text is stable: equal graphs print equally, and tests
// compare it.
func (g *Graph) String() string {
	var b strings.Builder
	params := int64(0)
	for _, p := range g.Params {
		params += p.Elements()
	}
	fmt.Fprintf(&b, "%s: %d parameters in %d tensors, %d blocks, %d operations, %d classes\n",
		g.Name, params, len(g.Params), len(g.Blocks), len(g.Ops), g.Classes)
	in := g.Values[g.Input]
	fmt.Fprintf(&b, "%s %s\n", in.Name, shape(in))
	for _, op := range g.Ops {
		g.printOp(&b, op)
	}
	return b.String()
}

func (g *Graph) printOp(b *strings.Builder, op Op) {
	left := "logits"
	if y, ok := Output(op); ok {
		v := g.Values[y]
		left = v.Name + " " + shape(v)
		if v.Virtual {
			left += " virtual"
		}
	}
	switch o := op.(type) {
	case *Conv:
		fmt.Fprintf(b, "%s = conv(%s) stride %d\n", left, g.ref(o.X), o.Stride)
		for _, p := range o.Parts {
			fmt.Fprintf(b, "\t[%d:%d] = [%d:%d] * %s %dx%d", p.YOff, p.YOff+p.K, p.XOff, p.XOff+p.C, g.Params[p.W].Name, p.R, p.S)
			if p.PadH != 0 || p.PadW != 0 {
				fmt.Fprintf(b, " pad %d,%d", p.PadH, p.PadW)
			}
			if p.Groups != 1 {
				fmt.Fprintf(b, " groups %d", p.Groups)
			}
			b.WriteByte('\n')
		}
	case *Norm:
		fmt.Fprintf(b, "%s = %s(%s)\n", left, withReLU("norm", o.ReLU), g.ref(o.X))
		for _, p := range o.Parts {
			fmt.Fprintf(b, "\t[%d:%d] %s\n", p.Off, p.Off+p.C, p.Name)
		}
	case *ReLU:
		fmt.Fprintf(b, "%s = relu(%s)\n", left, g.ref(o.X))
	case *Pool:
		fmt.Fprintf(b, "%s = %s(%s) %dx%d stride %d pad %d\n", left, poolKind(o.Max), g.ref(o.X), o.R, o.S, o.Stride, o.Pad)
	case *Dropout:
		fmt.Fprintf(b, "%s = dropout(%s) rate %v draw %d\n", left, g.ref(o.X), o.Rate, o.Index)
	case *Widen:
		fmt.Fprintf(b, "%s = widen(%s)\n", left, g.ref(o.X))
	case *Subsample:
		fmt.Fprintf(b, "%s = subsample(%s) stride %d shift %d\n", left, g.ref(o.X), o.Stride, o.Shift)
	case *Concat:
		fmt.Fprintf(b, "%s = concat(%s)\n", left, g.refs(o.Xs))
	case *Join:
		fmt.Fprintf(b, "%s = %s(%s)", left, withReLU("join", o.ReLU), g.refs(o.Branches))
		if o.Skip != nil {
			fmt.Fprintf(b, " skip %s", g.ref(*o.Skip))
		}
		fmt.Fprintf(b, " block %d\n", o.Block)
	case *Correlate:
		fmt.Fprintf(b, "correlate(%s, %s)\n", g.ref(o.A), g.ref(o.B))
	case *Head:
		fmt.Fprintf(b, "%s = head(%s) %s %s\n", left, g.ref(o.X), g.Params[o.W].Name, g.Params[o.Bias].Name)
	}
}

// ref prints a reference: the value's name, and the channels unless it is all of them.
func (g *Graph) ref(r Ref) string {
	v := g.Values[r.Value]
	if r.Off == 0 && r.C == v.C {
		return v.Name
	}
	return fmt.Sprintf("%s[%d:%d]", v.Name, r.Off, r.Off+r.C)
}

func (g *Graph) refs(rs []Ref) string {
	var names []string
	for _, r := range rs {
		names = append(names, g.ref(r))
	}
	return strings.Join(names, ", ")
}
