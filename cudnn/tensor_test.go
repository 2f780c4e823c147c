package cudnn

import (
	"errors"
	"strings"
	"testing"
)

func TestTensorDesc(t *testing.T) {
	for _, c := range []struct {
		name   string
		have   TensorDesc
		want   string
		bytes  int64
		refuse string
	}{
		{"nhwc", NHWC(2, 3, 4, 5, BF16), "[2 3 4 5] bf16 nhwc", 240, ""},
		{"nchw", NCHW(2, 3, 4, 5, F32), "[2 3 4 5] f32 nchw", 480, ""},
		{"one of everything", NHWC(1, 1, 1, 1, F16), "[1 1 1 1] f16 nhwc", 2, ""},
		{"bits", NHWC(1, 9, 1, 1, Bool), "[1 9 1 1] bool nhwc", 2, ""},
		{"three dimensions", TensorDesc{Dims: []int64{1, 2, 3}, Strides: []int64{6, 3, 1}, Type: I32}, "[1 2 3] i32 strided[6 3 1]", 24, ""},
		{"no type", TensorDesc{Dims: []int64{1}, Strides: []int64{1}}, "", 0, "DataType(0) is no type"},
		{"an unknown type", NHWC(1, 1, 1, 1, DataType(77)), "", 0, "DataType(77) is no type"},
		{"tf32 is not stored", NHWC(1, 1, 1, 1, TF32), "", 0, "tf32 is no type"},
		{"no dimensions", TensorDesc{Type: F32}, "", 0, "1 to 8 dimensions, have 0"},
		{"no strides", TensorDesc{Dims: []int64{1, 1}, Type: F32}, "", 0, "2 dimensions, 0 strides"},
		{"zero", NHWC(1, 0, 1, 1, F32), "", 0, "want all positive"},
		{"negative", NHWC(1, -3, 1, 1, F32), "", 0, "want all positive"},
		{"huge", NHWC(1<<30, 1<<20, 1<<20, 1, F32), "", 0, "beyond any memory"},
		{"align of three", TensorDesc{Dims: []int64{1}, Strides: []int64{1}, Type: F32, Align: 12}, "", 0, "align 12"},
		{"align below the type", TensorDesc{Dims: []int64{1}, Strides: []int64{1}, Type: F32, Align: 2}, "", 0, "align 2"},
	} {
		err := c.have.check()
		if c.refuse != "" {
			if err == nil || !strings.Contains(err.Error(), c.refuse) {
				t.Errorf("%s: have %v, want an error with %q", c.name, err, c.refuse)
			}
			continue
		}
		if err != nil || c.have.String() != c.want || c.have.Bytes() != c.bytes {
			t.Errorf("%s: have %v of %d bytes, %v, want %s of %d", c.name, c.have, c.have.Bytes(), err, c.want, c.bytes)
		}
	}
}

func TestChannels(t *testing.T) {
	all := NHWC(4, 96, 8, 8, BF16)
	for _, c := range []struct {
		from, n       int
		offset, align int64
		want          string
	}{
		{0, 96, 0, 16, "[4 96 8 8] bf16 nhwc"},
		{32, 64, 64, 16, "[4 64 8 8] bf16 nhwc slice"},
		{4, 8, 8, 8, "[4 8 8 8] bf16 nhwc slice"},
		{1, 1, 2, 2, "[4 1 8 8] bf16 nhwc slice"},
	} {
		s, offset, err := all.Channels(c.from, c.n)
		if err != nil || offset != c.offset || s.align() != c.align || s.String() != c.want {
			t.Errorf("[%d, +%d): have %v at %d, align %d, %v, want %s at %d, align %d", c.from, c.n, s, offset, s.align(), err, c.want, c.offset, c.align)
		}
		if s.Strides[0] != all.Strides[0] || all.Dims[1] != 96 {
			t.Errorf("[%d, +%d): strides %v of %v, whole %v", c.from, c.n, s.Strides, all.Strides, all.Dims)
		}
	}
	for _, c := range [][2]int{{-1, 1}, {0, 0}, {0, 97}, {96, 1}} {
		if _, _, err := all.Channels(c[0], c[1]); !errors.Is(err, ErrInvalid) {
			t.Errorf("[%d, +%d): have %v, want ErrInvalid", c[0], c[1], err)
		}
	}
	if s, offset, err := NCHW(2, 8, 4, 4, F32).Channels(2, 3); err != nil || offset != 2*16*4 || s.Strides[0] != 128 {
		t.Errorf("nchw: have %v at %d, %v", s, offset, err)
	}
}
