package graph

import "strings"

// convMerge collects convs that can run as one: the same input value, stride and output size, and
// input channels without a gap.
type convMerge struct {
	x      Ref // union of the inputs' channels
	stride int
	h, w   int // of the output
	k      int // output channels so far
	parts  []ConvPart
}

// fits says whether c can join the convs taken before.
func (m *convMerge) fits(g *Graph, c *Conv) bool {
	y := g.Values[c.Y]
	return len(m.parts) == 0 || c.X.Value == m.x.Value && c.Stride == m.stride && y.H == m.h && y.W == m.w &&
		c.X.Off <= m.x.Off+m.x.C && m.x.Off <= c.X.Off+c.X.C
}

// take appends c's parts if it fits. Until conv, XOff counts from channel 0 of the value.
func (m *convMerge) take(g *Graph, c *Conv) bool {
	if !m.fits(g, c) {
		return false
	}
	y := g.Values[c.Y]
	if len(m.parts) == 0 {
		m.x, m.stride, m.h, m.w = c.X, c.Stride, y.H, y.W
	}
	end := max(m.x.Off+m.x.C, c.X.Off+c.X.C)
	m.x.Off = min(m.x.Off, c.X.Off)
	m.x.C = end - m.x.Off
	for _, p := range c.Parts {
		p.XOff += c.X.Off
		p.YOff += m.k
		m.parts = append(m.parts, p)
	}
	m.k += y.C
	return true
}

// conv is the merged operation; its Y is the caller's to set.
func (m *convMerge) conv() *Conv {
	for i := range m.parts {
		m.parts[i].XOff -= m.x.Off
	}
	return &Conv{X: m.x, Stride: m.stride, Parts: m.parts}
}

// mergeConvs takes the convs in order; each joins the first group that it fits and whose channels
// so far are a multiple of align, or opens one. With apart a group reads the same channels. A group
// of several runs at its first member's place, where their common input is ready.
func (e *edit) mergeConvs(align int, apart bool) {
	type group struct {
		convMerge
		at int
		ys []Ref // former values, at their offsets
	}
	var groups []*group
	open := map[ValueID][]*group{} // by input
	for i, op := range e.Ops {
		c, ok := op.(*Conv)
		if !ok {
			continue
		}
		var into *group
		for _, gr := range open[c.X.Value] {
			if gr.k%align == 0 && gr.fits(e.Graph, c) && (!apart || gr.x == c.X) {
				into = gr
				break
			}
		}
		if into == nil {
			into = &group{at: i}
			groups = append(groups, into)
			open[c.X.Value] = append(open[c.X.Value], into)
		} else {
			e.Ops[i] = nil
		}
		into.ys = append(into.ys, Ref{Value: c.Y, Off: into.k})
		into.take(e.Graph, c)
	}
	for _, gr := range groups {
		if len(gr.ys) == 1 {
			continue
		}
		conv := gr.conv()
		conv.Y = gr.ys[0].Value
		e.Ops[gr.at] = conv
		e.Values[conv.Y].C, e.Values[conv.Y].Name = gr.k, e.convName(conv)
		for _, y := range gr.ys[1:] {
			e.redirect(y.Value, Ref{Value: conv.Y, Off: y.Off})
		}
	}
	e.settle()
}

// convName names a merged conv's value after its layers.
func (e *edit) convName(c *Conv) string {
	var names []string
	for _, p := range c.Parts {
		names = append(names, layerName(e.Graph, p.W))
	}
	return joinNames(names)
}

// joinNames writes names with their common leading words once:
// "stages.0.0.{branches.0.1,branches.1.1}".
func joinNames(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	common := strings.Split(names[0], ".")
	common = common[:len(common)-1]
	for _, n := range names[1:] {
		words := strings.Split(n, ".")
		same := 0
		for same < len(common) && same < len(words)-1 && common[same] == words[same] {
			same++
		}
		common = common[:same]
	}
	prefix := ""
	if len(common) > 0 {
		prefix = strings.Join(common, ".") + "."
	}
	var rest []string
	for _, n := range names {
		rest = append(rest, n[len(prefix):])
	}
	return prefix + "{" + strings.Join(rest, ",") + "}"
}
