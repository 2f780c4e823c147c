package graph

import (
	"fmt"
	"strings"
)

// String lists the graph, one operation a line as "value CxHxW = op(inputs) attributes", one line more for each part of a conv or
// norm. A reference to some channels of a value is value[from:to]; "virtual" marks values without memory. The text is
// stable: equal graphs print equally, and tests compare it.
func (g *Graph) String() string {
	var b strings.Builder
	params := int64(0)
	for _, p := range g.Params {
		params += p.Elements()
	}
	fmt.Fprintf(&b, "%s: %d parameters in %d tensors, %d blocks, %d operations, %d classes, %d replicas\n",
		g.Name, params, len(g.Params), len(g.Blocks), len(g.Ops), g.Classes, g.Replica)
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

// Dot returns the graph in Graphviz's language: a box an operation, an arrow a reference, labelled with its channels where they are not all
// of the value; operations of one block stand in one frame; dashed boxes write virtual values.
func (g *Graph) Dot() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %q {\n\tnode [shape=box, fontname=\"sans-serif\"];\n", g.Name)
	in := g.Values[g.Input]
	fmt.Fprintf(&b, "\tv%d [label=%q, shape=oval];\n", g.Input, in.Name+"\n"+shape(in))
	frame := ""
	for _, op := range g.Ops {
		node, name, style := g.dotNode(op)
		if block := g.frame(name); block != frame {
			if frame != "" {
				b.WriteString("\t}\n")
			}
			if block != "" {
				fmt.Fprintf(&b, "\tsubgraph %q {\n\t\tlabel=%q;\n", "cluster "+block, block)
			}
			frame = block
		}
		label := name
		for i, l := range layersOf(g, op) {
			if i == 0 {
				label += fmt.Sprintf("\n%s %dx%d", l.Kind, l.H, l.W)
			}
			label += "\n" + dotLayer(l)
		}
		fmt.Fprintf(&b, "\t\t%s [label=%q%s];\n", node, label, style)
	}
	if frame != "" {
		b.WriteString("\t}\n")
	}
	for _, op := range g.Ops {
		node, _, _ := g.dotNode(op)
		for _, r := range Inputs(op) {
			label := ""
			if r.C != g.Values[r.Value].C {
				label = fmt.Sprintf(" [label=\"%d:%d\"]", r.Off, r.Off+r.C)
			}
			fmt.Fprintf(&b, "\tv%d -> %s%s;\n", r.Value, node, label)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// dotNode is an operation's node, the name of what it writes, and its style.
func (g *Graph) dotNode(op Op) (node, name, style string) {
	y, ok := Output(op)
	if !ok {
		return "logits", "logits", ""
	}
	if g.Values[y].Virtual {
		style = ", style=dashed"
	}
	return fmt.Sprintf("v%d", y), g.Values[y].Name, style
}

// frame is the block that a value of this name belongs to, "" for stem and head.
func (g *Graph) frame(name string) string {
	name = blockOf(name)
	for _, b := range g.Blocks {
		if b.Name == name {
			return name
		}
	}
	return ""
}

func dotLayer(l LayerSummary) string {
	if l.Kind != "conv" {
		return fmt.Sprintf("%d channels", l.C)
	}
	s := fmt.Sprintf("%d channels, %dx%d stride %d", l.C, l.KernelH, l.KernelW, l.Stride)
	if l.Groups > 1 {
		s += fmt.Sprintf(" groups %d", l.Groups)
	}
	return s
}
