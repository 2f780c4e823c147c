// Package cudnn is a binding of cuDNN 9's graph API: convolutions and batch norms with their
// gradients, activation, pooling, softmax, sums, and fused graphs of them, on one NVIDIA GPU.
//
// The library is opened at run time; a program that imports this package builds and starts without
// it. New makes a Handle on a context of package cuda. A description of an operation (TensorDesc,
// ConvDesc) becomes a Plan, which takes milliseconds to seconds; a Cache on disk can keep the plan.
// A plan runs any number of times. A run costs about as much as the library's own call and
// allocates nothing:
//
//	h, err := cudnn.New(ctx)
//	plan, err := h.ConvForward(x, w, y, cudnn.ConvDesc{Pad: [2]int{1, 1}})
//	// On the handle's stream, in the order of plan.Bindings():
//	err = plan.Run(workspace, xptr, wptr, yptr)
//
// Larger pieces are written as a Graph, an operation graph as plain data: tensors, of which some
// are virtual (never stored), and nodes. Handle.Plan picks an engine for it or returns
// ErrNotSupported; Handle.Plans lists candidates for Handle.Autotune.
//
// # Names
//
// N C H W are images, channels, rows and columns; a filter is K×(C/groups)×R×S; y has K channels, P
// rows and Q columns. Dimensions are always given in the order N C H W, whatever the layout: the
// layout is in the strides. In formulas conv is cross-correlation, as in cuDNN. The factors that
// cuDNN calls alpha and beta of an operation are Scale and Accumulate here: out = Scale*op(in) +
// Accumulate*out.
//
// # Misuse
//
// The library ends the process on some mistakes (an unknown type, a freed descriptor). This package
// checks everything before it calls, so that wrong shapes, closed plans, misaligned pointers and a
// wrong thread are reported as an *Error.
//
// A Handle, its plans and its softmaxes belong to the thread that made the Handle: lock the
// goroutine to it (runtime.LockOSThread).
package cudnn
