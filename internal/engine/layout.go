package engine

import "slices"

// lifetimes fills every buffer's First and Last. The input is written before step 0. A buffer nobody touches lives at step 0 only.
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

// inPlace lets the data gradient of a conv overwrite the gradient it adds to itself (the identity skip's), where nothing else needs that.
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
			g.uses(touch)
		}
		usesSums(c.Sums, touch)
		if !other {
			dst.InPlace = c.DX.Residual.Buf
		}
	}
}

// layout gives every buffer an offset so that buffers alive at the same step do not overlap: largest first, each at the lowest free place.
func (p *Plan) layout() {
	type block struct{ first, last, size, offset int }
	root := func(b BufID) BufID {
		for p.Buffers[b].InPlace != None {
			b = p.Buffers[b].InPlace
		}
		return b
	}
	blocks := map[BufID]*block{}
	var order []BufID
	for i, b := range p.Buffers {
		r := root(BufID(i))
		bl := blocks[r]
		if bl == nil {
			bl = &block{first: b.First, last: b.Last, size: b.Size}
			blocks[r] = bl
			order = append(order, r)
		}
		bl.first, bl.last = min(bl.first, b.First), max(bl.last, b.Last)
	}
	slices.SortStableFunc(order, func(a, b BufID) int { return blocks[b].size - blocks[a].size })
	var placed []*block
	for _, r := range order {
		b := blocks[r]
		for _, q := range placed { // placed is kept by offset, so one sweep finds the lowest gap
			if q.first <= b.last && b.first <= q.last && q.offset < b.offset+b.size && b.offset < q.offset+q.size {
				b.offset = q.offset + q.size
			}
		}
		at, _ := slices.BinarySearchFunc(placed, b.offset, func(q *block, off int) int { return q.offset - off })
		placed = slices.Insert(placed, at, b)
		p.Floats = max(p.Floats, b.offset+b.size)
	}
	for i := range p.Buffers {
		p.Buffers[i].Offset = blocks[root(BufID(i))].offset
	}
}
