package engine

// lifetimes fills every buffer's First and Last. The input is written before step 0. An unused
// buffer lives at step 0 only.
func (p *Plan) lifetimes() {
	for i := range p.Buffers {
		p.Buffers[i].First, p.Buffers[i].Last = None, 0
	}
	seen := make([]bool, len(p.Buffers))
	for i, s := range p.Steps() {
		s.uses(func(b BufID, write bool) {
			buf := &p.Buffers[b]
			if !seen[b] {
				seen[b] = true
				if write {
					buf.First = i
				}
			}
			buf.Last = i
		})
	}
	p.inPlace()
}

// inPlace lets the data gradient of a conv overwrite the gradient it adds to itself (the identity
// skip's), where nothing else needs that.
func (p *Plan) inPlace() {
	for i, s := range p.Steps() {
		c, ok := s.(*ConvBackStep)
		if !ok || c.DX == nil || c.DX.Residual == nil || c.DX.Accumulate {
			continue
		}
		dst, res := &p.Buffers[c.DX.Buf], &p.Buffers[c.DX.Residual.Buf]
		whole := c.DX.Off == 0 && c.DX.C == dst.C && c.DX.Residual.Off == 0 && c.DX.Residual.C == res.C
		if !whole || dst.First != i || res.Last != i || dst.Size != res.Size || dst.H != res.H || !res.Grad {
			continue
		}
		other := false
		touch := func(b BufID, _ bool) { other = other || b == c.DX.Residual.Buf }
		for _, g := range c.DY {
			g.Uses(touch)
		}
		usesSums(c.Sums, touch)
		if !other {
			dst.InPlace = c.DX.Residual.Buf
		}
	}
}

// layout gives every buffer an offset so that buffers alive at the same step do not overlap; a
// buffer that was put over another shares its place.
func (p *Plan) layout() {
	root := func(b BufID) BufID {
		for p.Buffers[b].InPlace != None {
			b = p.Buffers[b].InPlace
		}
		return b
	}
	spans := map[BufID]*Span{}
	var order []*Span
	for i, b := range p.Buffers {
		r := root(BufID(i))
		s := spans[r]
		if s == nil {
			s = &Span{First: b.First, Last: b.Last, Size: b.Size}
			spans[r] = s
			order = append(order, s)
		}
		s.First, s.Last = min(s.First, b.First), max(s.Last, b.Last)
	}
	p.Floats = Arrange(order)
	for i := range p.Buffers {
		p.Buffers[i].Offset = spans[root(BufID(i))].Offset
	}
}
