package gpu

// packing is the bytes that cuDNN copies to pack the operands of a convolution with groups, by the
// workspaces of its plans for the H100 (9.28). Forward and data gradient copy both x and y where a
// group's channels are no power of two up to 256, padded to multiples of 128; a data gradient with
// stride copies them as they are. Convolutions without groups and weight gradients copy nothing.
func (l *List) packing(o Op) int64 {
	var c Call
	var x, y Part
	data := false
	switch o := o.(type) {
	case *Conv:
		c, x, y = o.Call, o.X, o.Y
	case *ConvData:
		c, x, y, data = o.Call, o.DX, o.DY, true
	}
	if c.Groups < 2 {
		return 0
	}
	in, out := c.C/c.Groups, c.K/c.Groups
	switch {
	case !addressable(in) || !addressable(out):
		in, out = padded(in), padded(out)
	case !data || c.Stride == 1:
		return 0
	}
	bytes := func(p Part, channels int) int64 {
		b := l.Plan.Buffers[p.Buf]
		return int64(l.Batch*b.H*b.W*channels*c.Groups) * int64(l.Type.Size())
	}
	return bytes(x, in) + bytes(y, out)
}

// addressable says whether an engine reads the channels of a group in place.
func addressable(channels int) bool { return channels&(channels-1) == 0 && channels <= 256 }

func padded(channels int) int { return (channels + 127) / 128 * 128 }
