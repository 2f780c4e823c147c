package gpu

import (
	"shake/internal/graph"
)

// Params is the layout of parameters, momentum and gradients: one flat float32 array each.
// Convolution weights stand in the order K R S C. The weights of one call stand one after another,
// so that a merged filter is a slice. Weights that need packing come first.
type Params struct {
	Offset []int // by graph.ParamID
	Floats int
	Loose  int // leading floats that the packed filters are made of
	// end of the filters that convolutions read in place, which follow in the order of the forward
	// pass
	Convs int

	// Packed filters are an array of their own, with Packed numbers. From names the float of each
	// of these numbers. To names the number that holds each of the first Loose floats; -1: zero.
	Packed   int
	From, To []int32
}

// line rounds n up, so that arrays begin at multiples of 128 bytes of the narrowest type.
func line(n int) int { return (n + 63) &^ 63 }

// newParams lays out the parameters of g and gives every call its filter. The scales of a norm
// stand one after another, and so do its shifts: cuDNN's batch norm reads them in this form.
func newParams(g *graph.Graph, convs [][]Call, norms []*graph.Norm) Params {
	p := Params{Offset: make([]int, len(g.Params))}
	for i := range p.Offset {
		p.Offset[i] = -1
	}
	take := func(id graph.ParamID) {
		p.Offset[id] = p.Floats
		p.Floats += int(g.Params[id].Elements())
	}
	for _, packed := range []bool{true, false} {
		for _, cs := range convs {
			for i := range cs {
				c := &cs[i]
				if c.plain() == packed {
					continue
				}
				c.Filter = Filter{Offset: p.Floats}
				if packed {
					c.Filter = Filter{Offset: p.Packed, Packed: true}
					p.Packed += line(c.Size())
				}
				for _, part := range c.parts {
					take(part.W)
				}
				p.Floats = line(p.Floats)
			}
		}
		if packed {
			p.Loose = p.Floats
		}
	}
	p.Convs = p.Floats
	for _, n := range norms {
		for _, part := range n.Parts {
			take(part.Gamma)
		}
		p.Floats = line(p.Floats)
		for _, part := range n.Parts {
			take(part.Beta)
		}
		p.Floats = line(p.Floats)
	}
	for id := range g.Params {
		if p.Offset[id] < 0 {
			take(graph.ParamID(id))
			p.Floats = line(p.Floats)
		}
	}
	p.index(convs)
	return p
}

// index fills From and To.
func (p *Params) index(convs [][]Call) {
	p.From, p.To = make([]int32, p.Packed), make([]int32, p.Loose)
	for i := range p.From {
		p.From[i] = -1
	}
	for i := range p.To {
		p.To[i] = -1
	}
	for _, cs := range convs {
		for i := range cs {
			c := &cs[i]
			if !c.Filter.Packed {
				continue
			}
			for _, part := range c.parts {
				c.each(part, func(own, packed int) {
					p.From[c.Filter.Offset+packed] = int32(p.Offset[part.W] + own)
					p.To[p.Offset[part.W]+own] = int32(c.Filter.Offset + packed)
				})
			}
		}
	}
}
