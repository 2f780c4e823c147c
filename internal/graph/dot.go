package graph

import (
	"fmt"
	"strings"
)

// Dot returns the graph in Graphviz's language: a box an operation, an arrow a reference, labelled
// with its channels where they are not all of the value; operations of one block stand in one
// frame; dashed boxes write virtual values.
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
		if frame != "" {
			b.WriteByte('\t')
		}
		fmt.Fprintf(&b, "\t%s [label=%q%s];\n", node, label, style)
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

// dotNode is an operation's node, the name of its output, and its style.
func (g *Graph) dotNode(op Op) (node, name, style string) {
	if c, ok := op.(*Correlate); ok {
		return fmt.Sprintf("c%d_%d_%d_%d", c.A.Value, c.A.Off, c.B.Value, c.B.Off), "correlate", ", style=dotted"
	}
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
