package graph

import "strings"

// Summary is the costs of a network: a row a layer, a row a block, totals. It is the same for a
// graph before and after the passes but for Bytes (fused and virtual values are not stored) and the
// layers that fusion does away with.
//
// MACs are multiply-accumulates of one image's forward pass, of convolutions and the linear layer
// only; a step of training takes twice as many again for the two gradients, and two FLOPs each:
// TrainFLOPsPerImage = 6 * ForwardMACs.
type Summary struct {
	Name               string         `json:"name"`
	Classes            int            `json:"classes"`
	Parameters         int64          `json:"parameters"`
	ForwardMACs        int64          `json:"forward_macs"`
	TrainFLOPsPerImage int64          `json:"train_flops_per_image"`
	Depth              int            `json:"depth"` // convolutions of the longest path, and linear
	ActivationBytes    int64          `json:"activation_bytes"`
	Layers             []LayerSummary `json:"layers"`
	Blocks             []BlockSummary `json:"blocks"`
}

// LayerSummary is one layer: an operation, or one part of a fused conv or norm. Kernel, Stride and
// Groups are zero where they have no meaning.
type LayerSummary struct {
	Name       string `json:"name"`            // prefix of its parameters, or the name of its value
	Kind       string `json:"kind"`            // conv, norm, norm+relu, relu, subsample, concat, join
	Block      string `json:"block,omitempty"` // "stages.1.0"; empty in stem and head
	C          int    `json:"c"`               // output
	H          int    `json:"h"`
	W          int    `json:"w"`
	KernelH    int    `json:"kernel_h,omitempty"`
	KernelW    int    `json:"kernel_w,omitempty"`
	Stride     int    `json:"stride,omitempty"`
	Groups     int    `json:"groups,omitempty"`
	Parameters int64  `json:"parameters"`
	MACs       int64  `json:"macs"`
	Bytes      int64  `json:"bytes"` // of the output as float32, one image; 0 if it is virtual
}

// BlockSummary sums the layers of one block. C, H and W are its output's.
type BlockSummary struct {
	Name       string `json:"name"`
	Branches   int    `json:"branches"`
	C          int    `json:"c"`
	H          int    `json:"h"`
	W          int    `json:"w"`
	Parameters int64  `json:"parameters"`
	MACs       int64  `json:"macs"`
	Bytes      int64  `json:"bytes"`
}

// Elements is how many numbers the parameter holds.
func (p Param) Elements() int64 {
	n := int64(1)
	for _, d := range p.Shape {
		n *= int64(d)
	}
	return n
}

// Summarize counts a valid graph, primitive or fused.
func Summarize(g *Graph) Summary {
	s := Summary{Name: g.Name, Classes: g.Classes, Depth: depth(g)}
	for _, b := range g.Blocks {
		s.Blocks = append(s.Blocks, BlockSummary{Name: b.Name, Branches: b.Branches})
	}
	for _, op := range g.Ops {
		s.Layers = append(s.Layers, layersOf(g, op)...)
		if j, ok := op.(*Join); ok {
			v, b := g.Values[j.Y], &s.Blocks[j.Block]
			b.C, b.H, b.W = v.C, v.H, v.W
		}
	}
	blocks := make(map[string]*BlockSummary, len(s.Blocks))
	for i := range s.Blocks {
		blocks[s.Blocks[i].Name] = &s.Blocks[i]
	}
	for i := range s.Layers {
		l := &s.Layers[i]
		b := blocks[blockOf(l.Name)]
		if b != nil && l.Kind == "concat" && l.Name == b.Name { // the block's input is stored already
			l.Bytes = l.Bytes / int64(l.C) * int64(b.C)
			b.C = l.C
		}
		s.Parameters += l.Parameters
		s.ForwardMACs += l.MACs
		s.ActivationBytes += l.Bytes
		if b != nil {
			l.Block = b.Name
			b.Parameters += l.Parameters
			b.MACs += l.MACs
			b.Bytes += l.Bytes
		}
	}
	s.TrainFLOPsPerImage = 6 * s.ForwardMACs
	return s
}

// blockOf is the name's first three words, which name the block of every layer within one:
// "stages.S.B".
func blockOf(name string) string {
	if words := strings.SplitN(name, ".", 4); len(words) >= 3 {
		return strings.Join(words[:3], ".")
	}
	return ""
}

// layersOf returns the rows of one operation.
func layersOf(g *Graph, op Op) []LayerSummary {
	switch o := op.(type) {
	case *Conv:
		var rows []LayerSummary
		for _, p := range o.Parts {
			row := layer(g, o.Y, p.K)
			row.Name, row.Kind = layerName(g, p.W), "conv"
			row.KernelH, row.KernelW, row.Stride, row.Groups = p.R, p.S, o.Stride, p.Groups
			row.Parameters = g.Params[p.W].Elements()
			row.MACs = row.Parameters * int64(row.H) * int64(row.W)
			rows = append(rows, row)
		}
		return rows
	case *Norm:
		var rows []LayerSummary
		for _, p := range o.Parts {
			row := layer(g, o.Y, p.C)
			row.Name, row.Kind = p.Name, withReLU("norm", o.ReLU)
			row.Parameters = g.Params[p.Gamma].Elements() + g.Params[p.Beta].Elements()
			rows = append(rows, row)
		}
		return rows
	case *Head:
		w := g.Params[o.W].Elements()
		return []LayerSummary{{Name: layerName(g, o.W), Kind: "head", C: g.Classes, H: 1, W: 1,
			Parameters: w + g.Params[o.Bias].Elements(), MACs: w, Bytes: 4 * int64(g.Classes)}}
	case *Subsample:
		row := layer(g, o.Y, g.Values[o.Y].C)
		row.Kind, row.Stride = "subsample", o.Stride
		return []LayerSummary{row}
	case *Pool:
		row := kind(layer(g, o.Y, g.Values[o.Y].C), poolKind(o.Max))
		row.KernelH, row.KernelW, row.Stride = o.R, o.S, o.Stride
		return []LayerSummary{row}
	case *Dropout:
		return []LayerSummary{kind(layer(g, o.Y, g.Values[o.Y].C), "dropout")}
	case *Widen:
		return []LayerSummary{kind(layer(g, o.Y, g.Values[o.Y].C), "widen")}
	case *ReLU:
		return []LayerSummary{kind(layer(g, o.Y, g.Values[o.Y].C), "relu")}
	case *Concat:
		return []LayerSummary{kind(layer(g, o.Y, g.Values[o.Y].C), "concat")}
	case *Join:
		row := kind(layer(g, o.Y, g.Values[o.Y].C), withReLU("join", o.ReLU))
		if g.Blocks[o.Block].Single(o) {
			row.Bytes = 0
		}
		return []LayerSummary{row}
	}
	return nil
}

// layer is a row for c channels of value y.
func layer(g *Graph, y ValueID, c int) LayerSummary {
	v := g.Values[y]
	row := LayerSummary{Name: v.Name, C: c, H: v.H, W: v.W}
	if !v.Virtual {
		row.Bytes = 4 * int64(c) * int64(v.H) * int64(v.W)
	}
	return row
}

func kind(row LayerSummary, k string) LayerSummary { row.Kind = k; return row }

func poolKind(largest bool) string {
	if largest {
		return "maxpool"
	}
	return "avgpool"
}

func withReLU(kind string, relu bool) string {
	if relu {
		return kind + "+relu"
	}
	return kind
}

// layerName is the name of the layer that owns a weight.
func layerName(g *Graph, w ParamID) string { return strings.TrimSuffix(g.Params[w].Name, ".weight") }

// depth is the number of convolutions on the longest path from input to logits, and one for the
// linear layer.
func depth(g *Graph) int {
	at := make([]int, len(g.Values))
	longest := 0
	for _, op := range g.Ops {
		d := 0
		for _, r := range Inputs(op) {
			d = max(d, at[r.Value])
		}
		switch op.(type) {
		case *Conv, *Head:
			d++
		}
		if y, ok := Output(op); ok {
			at[y] = d
		}
		longest = max(longest, d)
	}
	return longest
}
