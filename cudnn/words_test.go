package cudnn_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"shake/cudnn"
)

// TestWords: messages, plans and logs name things by these words.
func TestWords(t *testing.T) {
	x, w := cudnn.NHWC(2, 16, 4, 4, f32), cudnn.NHWC(32, 8, 3, 3, f32)
	conv := cudnn.ConvDesc{Pad: [2]int{1, 1}, PadEnd: &[2]int{2, 1}, Dilation: [2]int{2, 1}, Groups: 2}
	for have, want := range map[string]string{
		conv.String():                                       "pad [1 1]..[2 1] stride [1 1] dilation [2 1] groups 2",
		cudnn.BackwardFilter.String():                       "ConvBackwardFilter",
		cudnn.KnobSplitKSlices.String():                     "SPLIT_K_SLC",
		cudnn.KnobType(99).String():                         "KNOB_99",
		cudnn.Setting{cudnn.KnobTileM, 7}.String():          "TILE_M=7",
		cudnn.Maximum.String():                              "maximum",
		cudnn.Status(3000).String():                         "CUDNN_STATUS_NOT_SUPPORTED",
		cudnn.Status(77).String():                           "CUDNN_STATUS 77",
		cudnn.ConvBackwardDataGraph(x, w, x, conv).String(): "ConvBackwardData dy=[2 16 4 4] f32 nhwc w=[32 8 3 3] f32 nhwc dx=[2 16 4 4] f32 nhwc",
	} {
		if have != want {
			t.Errorf("have %q, want %q", have, want)
		}
	}
}

// TestOutput: a convolution's result has its input's layout and type.
func TestOutput(t *testing.T) {
	conv := cudnn.ConvDesc{Pad: [2]int{1, 1}, Stride: [2]int{2, 2}}
	for _, x := range []cudnn.TensorDesc{cudnn.NHWC(2, 16, 8, 8, bf16), cudnn.NCHW(2, 16, 8, 8, f32)} {
		y, err := conv.Output(x, cudnn.NHWC(32, 16, 3, 3, x.Type))
		if err != nil || !slices.Equal(y.Dims, []int64{2, 32, 4, 4}) || y.Type != x.Type || (y.Strides[1] == 1) != (x.Strides[1] == 1) {
			t.Errorf("%v: %v, %v", x, y, err)
		}
	}
	_, err := conv.Output(cudnn.NHWC(2, 16, 8, 8, f32), cudnn.NHWC(32, 8, 3, 3, f32))
	var e *cudnn.Error
	if !errors.Is(err, cudnn.ErrInvalid) || !errors.As(err, &e) || !e.Is(cudnn.ErrInvalid) || e.Is(cudnn.ErrNotSupported) {
		t.Errorf("a filter of other channels: %v", err)
	}
	pool := cudnn.PoolDesc{Mode: cudnn.MaxPool, Window: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1}}
	if have, err := pool.OutputDims([]int64{2, 16, 8, 8}); err != nil || !slices.Equal(have, []int64{2, 16, 4, 4}) {
		t.Errorf("a pool: %v, %v", have, err)
	}
}

// TestFilterGradientNode is the method's convolution as a node of a graph.
func TestFilterGradientNode(t *testing.T) {
	c := open(t)
	d, wd, conv := cudnn.NHWC(2, 16, 4, 4, f32), cudnn.NHWC(16, 16, 3, 3, f32), cudnn.ConvDesc{Pad: [2]int{1, 1}}
	g := cudnn.NewGraph("filter gradient")
	dw := g.ConvBackwardFilter(g.Input("x", d), g.Input("dy", d), wd.Dims, conv)
	g.Store("dw", g.As(dw, f32), wd)
	p, err := c.h.ConvBackwardFilter(d, d, wd, conv)
	if err != nil {
		t.Fatal(err)
	}
	q, err := c.h.Plan(g)
	if err != nil {
		t.Fatal(err)
	}
	have, want := c.outcome(q, g.Bound()), c.outcome(p, g.Bound())
	c.compare("dw", f32, have[2], want[2], ones(len(want[2]), 2*16))
	engines, err := c.h.Engines(g)
	if err != nil || len(engines) == 0 || !strings.Contains(engines[0].String(), strconv.FormatInt(engines[0].Index, 10)) {
		t.Errorf("engines: %v, %v", engines, err)
	}
}
