// Package cuda is a binding of the CUDA driver and of NVRTC, NVIDIA's run-time compiler: devices,
// memory, streams, events, kernels, captured graphs.
//
// A program with this package builds and starts without NVIDIA's software: the libraries are opened
// at first use, from the folders that shake/csrc/load searches, and a missing one is an error with
// a remedy.
//
// The order of calls: Devices lists the cards; Device.Primary returns a Context, which SetCurrent
// binds to the calling thread, so lock the goroutine to its thread first (runtime.LockOSThread);
// every other object is made from the context and closed before it. Compile turns CUDA C++ into a
// Binary, Context.LoadModule loads the binary, Module.Function finds a kernel, Function.NewCall
// binds its arguments, and Call.Run starts it on a Stream.
//
// Work on a stream is asynchronous: a nil error says that it was queued. An error on the device
// shows later, at a synchronising call. After ErrIllegalAddress and similar errors the context is
// lost: every later call returns the same.
//
// Errors are *Error with the call, the driver's status and its text, matched by status:
// errors.Is(err, cuda.ErrNotReady). A visible misuse (a closed or nil object, another thread,
// arguments that do not fit the kernel) is such an error and never a crash. Invalid addresses are
// invisible: an address is a number, and a kernel that writes outside its memory does so.
//
// Calls of a training step (Call.Run, copies from and to pinned memory, Memset, events,
// GraphExec.Launch) do not allocate. Values are not safe for concurrent use, except that different
// goroutines, each on its own thread, may use different streams of a context.
package cuda
