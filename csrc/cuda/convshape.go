package cuda

import "fmt"

// convShape is the shape of a convolution on tensor cores, in whichever direction.
type convShape struct {
	typ                                 Type
	h, w, r, stride, padH, padW, groups int
}

func (s convShape) check(b *builder) {
	b.want(s.typ == F16 || s.typ == BF16, "Type", "F16 or BF16", s.typ)
	b.want(s.r == 1 || s.r == 3, "R", "1 or 3", s.r)
	b.want(s.stride == 1 || s.stride == 2, "Stride", "1 or 2", s.stride)
	b.want(s.padH >= 0 && s.padH < max(s.r, 1), "PadH", "less than R", s.padH)
	b.want(s.padW >= 0 && s.padW < max(s.r, 1), "PadW", "less than R", s.padW)
	b.want(s.h+2*s.padH >= s.r && s.w+2*s.padW >= s.r && s.h <= 1<<14 && s.w <= 1<<14, "H, W", "a filter's size to 16384", fmt.Sprintf("%dx%d", s.h, s.w))
	b.want(s.groups >= 1 && s.groups < 1<<16, "Groups", "1 to 65535", s.groups)
}

// slice checks the place of an operand.
func (s convShape) slice(b *builder, name string, sl Slice) {
	b.want(sl.Off%8 == 0 && sl.Pitch%8 == 0, name, "offset and pitch multiples of 8", fmt.Sprintf("%d of %d", sl.Off, sl.Pitch))
	b.want(int64(s.h)*int64(s.w)*int64(sl.Pitch) < 1<<31, name+".Pitch", "an image of less than 2^31 elements", sl.Pitch)
}

// out is the map of y. The shape is checked.
func (s convShape) out() (p, q int) {
	return (s.h+2*s.padH-s.r)/s.stride + 1, (s.w+2*s.padW-s.r)/s.stride + 1
}
