package cudnn

import (
	"fmt"
	"math/bits"
	"strings"
)

// DataType is the type of a tensor's elements or of a computation.
type DataType uint8

// The types. TF32 names a computation only: products of F32 operands rounded to ten bits of
// mantissa, summed in F32. Bool is packed, one bit an element.
const (
	F32 DataType = iota + 1
	F16
	BF16
	I8
	I32
	I64
	Bool
	TF32
)

var dataTypes = [...]struct {
	name string
	size int64
	code int32
}{
	F32: {"f32", 4, dataFloat}, F16: {"f16", 2, dataHalf}, BF16: {"bf16", 2, dataBFloat16}, I8: {"i8", 1, dataInt8},
	I32: {"i32", 4, dataInt32}, I64: {"i64", 8, dataInt64}, Bool: {"bool", 1, dataBoolean}, TF32: {"tf32", 0, dataFloat},
}

func (t DataType) known() bool  { return t >= F32 && t <= TF32 }
func (t DataType) stored() bool { return t.known() && t != TF32 }
func (t DataType) float() bool  { return t == F32 || t == F16 || t == BF16 }

// Size is the size of an element in bytes: 1 for Bool, eight of which share a byte, and 0 for TF32,
// which is never stored.
func (t DataType) Size() int64 {
	if !t.known() {
		return 0
	}
	return dataTypes[t].size
}

func (t DataType) String() string {
	if !t.known() {
		return fmt.Sprintf("DataType(%d)", uint8(t))
	}
	return dataTypes[t].name
}

// TensorDesc describes the position of a tensor's elements in memory. Dims are N C H W (K C/groups
// R S for a filter) in every layout; the element (n, c, h, w) is Σ index*stride elements from the
// tensor's first. A slice of channels has the strides of the larger tensor.
type TensorDesc struct {
	Dims    []int64
	Strides []int64
	Type    DataType
	Align   int64 // alignment of its pointers in bytes; 0 means 16
}

// NHWC describes a tensor with the channels next to each other, as tensor cores require. A filter
// is NHWC(k, c/groups, r, s, t).
func NHWC(n, c, h, w int, t DataType) TensorDesc {
	N, C, H, W := int64(n), int64(c), int64(h), int64(w)
	return TensorDesc{Dims: []int64{N, C, H, W}, Strides: []int64{C * H * W, 1, C * W, C}, Type: t}
}

// NCHW describes a tensor with the columns next to each other.
func NCHW(n, c, h, w int, t DataType) TensorDesc {
	N, C, H, W := int64(n), int64(c), int64(h), int64(w)
	return TensorDesc{Dims: []int64{N, C, H, W}, Strides: []int64{C * H * W, H * W, W, 1}, Type: t}
}

// PerChannel describes c values that act on the channels of a tensor: 1×c×1×1.
func PerChannel(c int, t DataType) TensorDesc { return NHWC(1, c, 1, 1, t) }

// PerImage describes n values that act on the images of a batch: n×1×1×1.
func PerImage(n int, t DataType) TensorDesc { return NHWC(n, 1, 1, 1, t) }

// Channels describes the channels from, from+1, ..., from+n-1 of d. offset is the distance in bytes
// from d's first element to the slice's. The slice's Align is the largest alignment that its
// position keeps.
func (d TensorDesc) Channels(from, n int) (slice TensorDesc, offset int64, err error) {
	if err := d.check(); err != nil {
		return TensorDesc{}, 0, invalid("Channels", "%v", err)
	}
	if len(d.Dims) < 2 || from < 0 || n < 1 || int64(from)+int64(n) > d.Dims[1] {
		return TensorDesc{}, 0, invalid("Channels", "[%d, %d) of %v", from, from+n, d)
	}
	slice = d
	slice.Dims = append([]int64(nil), d.Dims...)
	slice.Dims[1] = int64(n)
	offset = int64(from) * d.Strides[1] * d.Type.Size()
	slice.Align = d.align()
	for offset%slice.Align != 0 {
		slice.Align /= 2
	}
	return slice, offset, nil
}

// Elements is the number of elements.
func (d TensorDesc) Elements() int64 {
	n := int64(1)
	for _, x := range d.Dims {
		n *= x
	}
	return n
}

// Bytes is the distance in bytes from the first element to behind the last, gaps included.
func (d TensorDesc) Bytes() int64 {
	last := int64(0)
	for i, x := range d.Dims {
		last += (x - 1) * d.Strides[i]
	}
	if d.Type == Bool {
		return (last + 8) / 8
	}
	return (last + 1) * d.Type.Size()
}

func (d TensorDesc) align() int64 {
	if d.Align == 0 {
		return 16
	}
	return d.Align
}

// layout names the order of the strides.
func (d TensorDesc) layout() string {
	if len(d.Dims) != 4 || len(d.Strides) != 4 {
		return "strided"
	}
	n, c, h, w := d.Dims[0], d.Dims[1], d.Dims[2], d.Dims[3]
	is := func(want ...int64) bool {
		for i, s := range want {
			if d.Dims[i] > 1 && d.Strides[i] != s {
				return false
			}
		}
		return true
	}
	switch s := d.Strides; {
	case is(c*h*w, 1, c*w, c):
		return "nhwc"
	case is(c*h*w, h*w, w, 1):
		return "nchw"
	case s[1] == 1 && s[3] >= c && s[2] >= w*s[3] && (n == 1 || s[0] >= h*s[2]):
		return "nhwc slice"
	}
	return "strided"
}

// channelsLast tells whether channels lie next to each other; a virtual tensor takes its layout
// from this.
func (d TensorDesc) channelsLast() bool {
	return len(d.Dims) == 4 && d.Strides[1] == 1 && (d.Dims[1] > 1 || d.Strides[3] != 1 || d.Dims[3] == 1)
}

func (d TensorDesc) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %v %s", d.Dims, d.Type, d.layout())
	if d.layout() == "strided" {
		fmt.Fprintf(&b, "%v", d.Strides)
	}
	return b.String()
}

// check returns the error in d alone.
func (d TensorDesc) check() error {
	switch {
	case !d.Type.stored():
		return fmt.Errorf("%v is no type of a tensor", d.Type)
	case len(d.Dims) == 0 || len(d.Dims) > 8:
		return fmt.Errorf("want 1 to 8 dimensions, have %d", len(d.Dims))
	case len(d.Strides) != len(d.Dims):
		return fmt.Errorf("%d dimensions, %d strides", len(d.Dims), len(d.Strides))
	case d.Align < 0 || d.align()&(d.align()-1) != 0 || d.align()%d.Type.Size() != 0:
		return fmt.Errorf("align %d: want a power of two that %v divides into", d.Align, d.Type)
	}
	span := uint64(1)
	for i, n := range d.Dims {
		if n < 1 || d.Strides[i] < 1 {
			return fmt.Errorf("dims %v strides %v: want all positive", d.Dims, d.Strides)
		}
		hi, lo := bits.Mul64(uint64(n), uint64(d.Strides[i]))
		if span += lo; hi != 0 || span >= 1<<60 {
			return fmt.Errorf("dims %v strides %v: beyond any memory", d.Dims, d.Strides)
		}
	}
	return nil
}
