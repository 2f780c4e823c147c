// Package nvtx names the work of a program to a profiler such as Nsight Systems, as ranges with
// names (NVTX 3).
//
// NVTX has no library of its own. A profiler that starts a program names its library in
// NVTX_INJECTION64_PATH; Attach opens it. Without one there is nothing to call, and nothing is
// called: a program asks Attached once, where it prepares its names.
//
//	if tool, err := nvtx.Attach("my program"); tool {
//		conv := nvtx.Register("conv1")
//		conv.Push()
//		...
//		conv.Pop()
//	}
//
// Ranges belong to a thread of the operating system and nest there: Push and Pop of one range need
// runtime.LockOSThread around them. All functions may be called from any goroutine.
package nvtx
