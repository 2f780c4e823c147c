// Package cudnn is a binding of cuDNN 9's graph API: convolutions and batch norms with their gradients, activation, pooling, softmax, sums,
// and fused graphs of them, on one NVIDIA GPU.
//
// The library is opened at run time; a program that imports this package builds and starts without it. New makes a Handle on a context of
// package cuda. An operation is described (TensorDesc, ConvDesc), turned into a Plan, which costs milliseconds to seconds and may be kept
// in a Cache on disk, and run as often as one likes, which costs about what the library's own call costs and allocates nothing:
//
//	h, err := cudnn.New(ctx)
//	plan, err := h.ConvForward(x, w, y, cudnn.ConvDesc{Pad: [2]int{1, 1}})
//	err = plan.Run(workspace, xptr, wptr, yptr) // on the handle's stream, in the order of plan.Bindings()
//
// Larger pieces are written as a Graph, an operation graph as plain data: tensors, of which some are virtual (never stored), and nodes.
// Handle.Plan picks an engine for it or says ErrNotSupported; Handle.Plans lists candidates for Handle.Autotune.
//
// # Names
//
// N C H W are images, channels, rows and columns; a filter is K×(C/groups)×R×S; y has K channels, P rows and Q columns. Dimensions are always
// given in the order N C H W, whatever the layout: the layout is in the strides. Formulas write conv for cross-correlation, as cuDNN and
// everyone else does. What cuDNN calls alpha and beta of an operation are Scale and Accumulate here: out = Scale*op(in) + Accumulate*out.
//
// # Misuse
//
// The library ends the process on some mistakes (an unknown type, a freed descriptor). This package checks everything before it calls, so
// that wrong shapes, closed plans, misaligned pointers and a wrong thread come back as an *Error.
//
// A Handle and what is made from it belong to the thread that made the Handle: lock the goroutine to it (runtime.LockOSThread).
package cudnn
