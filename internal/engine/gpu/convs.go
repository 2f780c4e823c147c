package gpu

import (
	"fmt"

	"shake/cudnn"
)

// tensor describes channels of a buffer for a batch of n.
func (l *List) tensor(p Part, n int, t cudnn.DataType) cudnn.TensorDesc {
	b := l.Plan.Buffers[p.Buf]
	h, w, pitch := int64(b.H), int64(b.W), int64(round(b.C))
	return cudnn.TensorDesc{Dims: []int64{int64(n), int64(p.C), h, w}, Strides: []int64{h * w * pitch, 1, w * pitch, pitch}, Type: t}
}

// convolution describes an op for a batch of n to cuDNN. The three tensors are in the order of the
// plan's pointers:
//
//	y = conv(x, w)      dx = conv'(dy, w)      dw = conv'(x, dy), in float32
type convolution struct {
	dir   cudnn.Direction
	plan  func(*cudnn.Handle, cudnn.TensorDesc, cudnn.TensorDesc, cudnn.TensorDesc, cudnn.ConvDesc, ...cudnn.Option) (*cudnn.Plan, error)
	plans func(*cudnn.Handle, cudnn.TensorDesc, cudnn.TensorDesc, cudnn.TensorDesc, cudnn.ConvDesc, ...cudnn.Option) ([]*cudnn.Plan, error)
	desc  cudnn.ConvDesc
	t     [3]cudnn.TensorDesc
	at    [3]Arg // the places of the three: an activation, or the filter
	off   [3]int // in elements
	again bool
}

// convolution describes o for a batch of n; nil if o is no convolution.
func (l *List) convolution(o Op, n int, p precision) *convolution {
	t := dataType(p.storage)
	of := func(d cudnn.Direction, c Call) *convolution {
		return &convolution{dir: d, desc: cudnn.ConvDesc{Pad: [2]int{c.PadH, c.PadW}, Stride: [2]int{c.Stride, c.Stride}, Groups: c.Groups, Compute: p.compute}}
	}
	var c *convolution
	part := func(i int, x Part) { c.t[i], c.at[i], c.off[i] = l.tensor(x, n, t), buffer(x.Buf), x.Off }
	filter := func(i int, call Call, typ cudnn.DataType, plain, packed ArgKind) {
		c.t[i], c.at[i], c.off[i] = cudnn.NHWC(call.K, call.C/call.Groups, call.R, call.S, typ), Arg{Kind: plain}, call.Filter.Offset
		if call.Filter.Packed {
			c.at[i].Kind = packed
		}
	}
	switch o := o.(type) {
	case *Conv:
		c = of(cudnn.Forward, o.Call)
		c.plan, c.plans = (*cudnn.Handle).ConvForward, (*cudnn.Handle).ConvForwardPlans
		part(0, o.X)
		filter(1, o.Call, t, Storage, Packed)
		part(2, o.Y)
	case *ConvData:
		c = of(cudnn.BackwardData, o.Call)
		c.plan, c.plans, c.again = (*cudnn.Handle).ConvBackwardData, (*cudnn.Handle).ConvBackwardDataPlans, o.Call.Again
		part(0, o.DY)
		filter(1, o.Call, t, Storage, Packed)
		part(2, o.DX)
	case *ConvFilter:
		c = of(cudnn.BackwardFilter, o.Call)
		c.plan, c.plans = filterPlan, filterPlans
		part(0, o.X)
		part(1, o.DY)
		filter(2, o.Call, cudnn.F32, Gradients, PackedGrads)
	}
	return c
}

// options are the options of the search for an engine.
func (c *convolution) options(deterministic bool) []cudnn.Option {
	o := planOptions(deterministic)
	if c.again {
		o = append(o, cudnn.Accumulate(1))
	}
	return o
}

// planOptions are the options of every plan.
func planOptions(deterministic bool) []cudnn.Option {
	o := []cudnn.Option{cudnn.WorkspaceLimit(workspaceLimit)}
	if deterministic {
		o = append(o, cudnn.Deterministic())
	}
	return o
}

// workspaceLimit is the largest workspace of a convolution, in bytes.
const workspaceLimit = 1 << 30

// key names everything that decides about a plan. (A TensorDesc does not print the strides of a
// slice.)
func (c *convolution) key() string {
	return fmt.Sprint(c.dir, c.t, c.t[0].Strides, c.t[1].Strides, c.t[2].Strides, c.desc, c.desc.Compute, c.again)
}

// slicesOf cuts a convolution with groups into one for each group, over slices of channels. The
// work is the same, but cuDNN has other engines for it. nil: o has no groups.
func slicesOf(o Op) []Op {
	one := func(c Call, i int) Call {
		n := c.Groups
		c.C, c.K, c.Groups = c.C/n, c.K/n, 1
		c.Filter.Offset += i * c.Size()
		return c
	}
	part := func(p Part, groups, i int) Part { return Part{p.Buf, p.Off + i*(p.C/groups), p.C / groups} }
	var out []Op
	switch o := o.(type) {
	case *Conv:
		for i := range o.Call.Groups {
			out = append(out, &Conv{one(o.Call, i), part(o.X, o.Call.Groups, i), part(o.Y, o.Call.Groups, i)})
		}
	case *ConvData:
		for i := range o.Call.Groups {
			out = append(out, &ConvData{one(o.Call, i), part(o.DY, o.Call.Groups, i), part(o.DX, o.Call.Groups, i)})
		}
	case *ConvFilter:
		for i := range o.Call.Groups {
			out = append(out, &ConvFilter{one(o.Call, i), part(o.X, o.Call.Groups, i), part(o.DY, o.Call.Groups, i)})
		}
	}
	if len(out) < 2 {
		return nil
	}
	return out
}
