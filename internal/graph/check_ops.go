package graph

// maxKernel bounds the strides, pads and kernels that Check accepts, so that its own arithmetic
// cannot overflow.
const maxKernel = 1 << 20

func (c *checker) conv(o *Conv) error {
	x, y := c.g.Values[o.X.Value], c.g.Values[o.Y]
	if o.Stride < 1 || o.Stride > maxKernel {
		return c.errorf("want a stride of 1 or more, have %d", o.Stride)
	}
	off := 0
	for i, p := range o.Parts {
		switch {
		case p.YOff != off || p.K < 1 || p.K > y.C-off:
			return c.errorf("part %d writes channels [%d:%d] of %d, want them to begin at %d", i, p.YOff, p.YOff+p.K, y.C, off)
		case p.XOff < 0 || p.C < 1 || p.C > o.X.C || p.XOff > o.X.C-p.C:
			return c.errorf("part %d reads channels [%d:%d] of %d", i, p.XOff, p.XOff+p.C, o.X.C)
		case p.Groups < 1 || p.C%p.Groups != 0 || p.K%p.Groups != 0:
			return c.errorf("part %d: %d groups do not divide %d and %d channels", i, p.Groups, p.C, p.K)
		case p.R < 1 || p.S < 1 || p.R > maxKernel || p.S > maxKernel:
			return c.errorf("part %d: want a kernel of 1x1 or more, have %dx%d", i, p.R, p.S)
		case p.PadH < 0 || p.PadW < 0 || p.PadH > maxKernel || p.PadW > maxKernel:
			return c.errorf("part %d: want a pad of 0 or more, have %d,%d", i, p.PadH, p.PadW)
		case windows(x.H, p.R, p.PadH, o.Stride) < y.H || windows(x.W, p.S, p.PadW, o.Stride) < y.W:
			return c.errorf("part %d: %dx%d windows of %dx%d with stride %d do not fit in %dx%d with pad %d,%d",
				i, y.H, y.W, p.R, p.S, o.Stride, x.H, x.W, p.PadH, p.PadW)
		}
		if err := c.param(p.W, p.K, p.C/p.Groups, p.R, p.S); err != nil {
			return err
		}
		off += p.K
	}
	if off != y.C {
		return c.errorf("the parts write %d of %d channels", off, y.C)
	}
	return nil
}

// windows is how many windows of r pixels fit in h pixels with pad on both sides.
func windows(h, r, pad, stride int) int {
	if h+2*pad < r {
		return 0
	}
	return (h+2*pad-r)/stride + 1
}

func (c *checker) norm(o *Norm) error {
	c.elementwise[o.Y] = !c.g.Values[o.X.Value].Virtual
	off := 0
	for i, p := range o.Parts {
		if p.Off != off || p.C < 1 || p.C > o.X.C-off {
			return c.errorf("part %d normalises channels [%d:%d] of %d, want them to begin at %d", i, p.Off, p.Off+p.C, o.X.C, off)
		}
		if err := c.param(p.Gamma, p.C); err != nil {
			return err
		}
		if err := c.param(p.Beta, p.C); err != nil {
			return err
		}
		off += p.C
	}
	if off != o.X.C {
		return c.errorf("the parts normalise %d of %d channels", off, o.X.C)
	}
	return c.same(o.X, o.Y)
}

func (c *checker) pool(o *Pool) error {
	x, y := c.g.Values[o.X.Value], c.g.Values[o.Y]
	if o.R < 1 || o.S < 1 || o.Stride < 1 || o.Pad < 0 || o.Pad > min(o.R, o.S)/2 || max(o.R, o.S, o.Stride) > maxKernel {
		return c.errorf("want a window and a stride of 1 or more and a pad of at most half a window, have %dx%d, %d and %d", o.R, o.S, o.Stride, o.Pad)
	}
	want := Value{C: o.X.C, H: windows(x.H, o.R, o.Pad, o.Stride), W: windows(x.W, o.S, o.Pad, o.Stride)}
	if shape(want) != shape(y) {
		return c.errorf("want shape %s, have %s", shape(want), shape(y))
	}
	return nil
}

func (c *checker) widen(o *Widen) error {
	x, y := c.g.Values[o.X.Value], c.g.Values[o.Y]
	if x.H != y.H || x.W != y.W || o.X.C > y.C {
		return c.errorf("cannot widen %dx%dx%d to %s", o.X.C, x.H, x.W, shape(y))
	}
	return nil
}

func (c *checker) subsample(o *Subsample) error {
	x, y := c.g.Values[o.X.Value], c.g.Values[o.Y]
	if o.Stride < 1 || o.Shift < 0 {
		return c.errorf("want a stride of 1 or more and a shift of 0 or more, have %d and %d", o.Stride, o.Shift)
	}
	want := Value{C: o.X.C, H: (x.H-1)/o.Stride + 1, W: (x.W-1)/o.Stride + 1}
	if shape(want) != shape(y) {
		return c.errorf("want shape %s, have %s", shape(want), shape(y))
	}
	return nil
}

func (c *checker) concat(o *Concat) error {
	y, off := c.g.Values[o.Y], 0
	for _, r := range o.Xs {
		if x := c.g.Values[r.Value]; x.H != y.H || x.W != y.W {
			return c.errorf("want inputs of %dx%d, have %s", y.H, y.W, shape(x))
		}
		off += r.C
	}
	if off != y.C {
		return c.errorf("the inputs have %d channels together, the output %d", off, y.C)
	}
	return nil
}

func (c *checker) join(o *Join) error {
	if o.Block < 0 || o.Block >= len(c.g.Blocks) {
		return c.errorf("joins block %d of %d", o.Block, len(c.g.Blocks))
	}
	b := c.g.Blocks[o.Block]
	if c.joined[o.Block] {
		return c.errorf("block %s is joined a second time", b.Name)
	}
	c.joined[o.Block] = true
	if len(o.Branches) != b.Branches || b.Branches < 1 {
		return c.errorf("joins %d branches of a block of %d", len(o.Branches), b.Branches)
	}
	for _, r := range Inputs(o) {
		if err := c.same(r, o.Y); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) correlate(o *Correlate) error {
	a, b := c.g.Values[o.A.Value], c.g.Values[o.B.Value]
	a.C, b.C = o.A.C, o.B.C
	if shape(a) != shape(b) {
		return c.errorf("compares %s with %s", shape(a), shape(b))
	}
	return nil
}

func (c *checker) head(o *Head) error {
	if err := c.param(o.W, c.g.Classes, o.X.C); err != nil {
		return err
	}
	return c.param(o.Bias, c.g.Classes)
}
