package gpu

import (
	"errors"
	"fmt"

	kernels "shake/csrc/cuda"
)

// OwnFilter is the kind of rival that computes a weight gradient by kernels of ours on tensor cores
// (csrc/cuda/wgrad.cu), in place of cuDNN's engine: 3x3 and 1x1 filters in 16 bits, with the same
// bits each time.
const OwnFilter = "own weight gradient"

// tensorMajor is the first generation of cards with the instructions of OwnFilter and OwnConv.
const tensorMajor = 8

// ownFilter is the rival of the weight gradient at i for a card of so many multiprocessors; nil
// where the kernel does not take the convolution.
func (l *List) ownFilter(i int, o *ConvFilter, sms int) (*rival, error) {
	ks, err := l.ownFilterLaunches(o, sms)
	if len(ks) == 0 || err != nil {
		return nil, err
	}
	return &rival{kind: OwnFilter, at: i, count: 1, after: ks}, nil
}

// OwnFilter returns the kernels of ours that compute o on a card of so many multiprocessors, in
// order; none where they do not take the convolution.
func (l *List) OwnFilter(o *ConvFilter, sms int) (ks []*kernels.Kernel, err error) {
	launches, err := l.ownFilterLaunches(o, sms)
	for _, k := range launches {
		ks = append(ks, k.Kernel)
	}
	return ks, err
}

// ownFilterText is the note in the printed list about our weight gradient of o: its blocks by tiles
// of the filter, groups, and parts of the pixels.
func (l *List) ownFilterText(o Op) string {
	f, ok := o.(*ConvFilter)
	if !ok {
		return ""
	}
	ks, err := l.OwnFilter(f, 132)
	if err != nil || len(ks) == 0 {
		return ""
	}
	g := ks[0].Launch(l.Batch).Grid
	return fmt.Sprintf("; or ours: %dx%dx%d blocks", g[0], g[1], g[2])
}

func (l *List) ownFilterLaunches(o *ConvFilter, sms int) ([]*Launch, error) {
	c, x, dy := o.Call, l.Plan.Buffers[o.X.Buf], l.Plan.Buffers[o.DY.Buf]
	out := func(size, pad int) int { return (size+2*pad-c.R)/c.Stride + 1 }
	if l.Type == kernels.F32 || c.R != c.S || out(x.H, c.PadH) != dy.H || out(x.W, c.PadW) != dy.W {
		return nil, nil
	}
	slice := func(p Part) kernels.Slice {
		return kernels.Slice{Buf: int(p.Buf), Off: p.Off, C: p.C, Pitch: round(l.Plan.Buffers[p.Buf].C)}
	}
	spec := kernels.WGradSpec{Type: l.Type, H: x.H, W: x.W, X: slice(o.X), DY: slice(o.DY), R: c.R, Stride: c.Stride, PadH: c.PadH, PadW: c.PadW, Groups: c.Groups}
	var refused *kernels.SpecError
	var err error
	if spec.Splits, err = spec.Split(l.Batch, sms); errors.As(err, &refused) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	dw, off := Arg{Kind: Gradients}, Arg{Number, c.Filter.Offset}
	if c.Filter.Packed {
		dw.Kind = PackedGrads
	}
	k, err := launch(spec, map[string]Arg{"x": buffer(o.X.Buf), "dy": buffer(o.DY.Buf), "dw": dw, "off": off})
	if err != nil {
		return nil, err
	}
	if spec.Splits < 2 {
		return []*Launch{k}, nil
	}
	sum, err := launch(kernels.WGradSumSpec{WGradSpec: spec}, map[string]Arg{"dw": dw, "off": off})
	if err != nil {
		return nil, err
	}
	return []*Launch{k, sum}, nil
}
