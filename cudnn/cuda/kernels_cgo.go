package cuda

// #include "kernels.h"
// #cgo noescape sk_call_run
// #cgo nocallback sk_call_run
// #cgo noescape sk_exec_launch
// #cgo nocallback sk_exec_launch
import "C"

import "unsafe"

// cModuleLoad loads an image that ends in zero bytes. It returns the compiler's complaint if the
// driver had to compile the image.
func cModuleLoad(ctx uintptr, image []byte) (result, string) {
	var log [4096]C.char
	r := C.sk_module_load(C.uintptr_t(ctx), unsafe.Pointer(unsafe.SliceData(image)), &log[0], C.size_t(len(log)))
	return resultOf(r), C.GoString(&log[0])
}

func cModuleFree(ctx, m uintptr) Status {
	return Status(C.sk_module_free(C.uintptr_t(ctx), C.uintptr_t(m)))
}

func cModuleFunction(ctx, m uintptr, name string) result {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	return resultOf(C.sk_module_function(C.uintptr_t(ctx), C.uintptr_t(m), n))
}

func cModuleGlobal(ctx, m uintptr, name string) result {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	return resultOf(C.sk_module_global(C.uintptr_t(ctx), C.uintptr_t(m), n))
}

func cFunctionAttribute(f uintptr, attribute int) result {
	return resultOf(C.sk_function_attribute(C.uintptr_t(f), C.int(attribute)))
}

func cFunctionSet(ctx, f uintptr, attribute, v int) Status {
	return Status(C.sk_function_set(C.uintptr_t(ctx), C.uintptr_t(f), C.int(attribute), C.int(v)))
}

func cFunctionOccupancy(ctx, f uintptr, threads, shared int) result {
	return resultOf(C.sk_function_occupancy(C.uintptr_t(ctx), C.uintptr_t(f), C.int(threads), C.size_t(shared)))
}

func cFunctionParam(f uintptr, i int) result {
	return resultOf(C.sk_function_param(C.uintptr_t(f), C.size_t(i)))
}

func cCallNew(f uintptr, n int) uintptr { return uintptr(C.sk_call_new(C.uintptr_t(f), C.size_t(n))) }
func cCallFree(c uintptr)               { C.sk_call_free(C.uintptr_t(c)) }
func cCallRun(c, s uintptr) Status      { return Status(C.sk_call_run(C.uintptr_t(c), C.uintptr_t(s))) }

// cCallValues is the memory of a call's arguments: eight bytes each, in C memory.
func cCallValues(c uintptr, n int) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(C.sk_call_values(C.uintptr_t(c)))), n)
}

func cCallShape(c uintptr, l Launch) {
	s := C.sk_shape{shared: C.uint(l.Shared)}
	for i := range s.grid {
		s.grid[i], s.block[i] = C.uint(l.Grid[i]), C.uint(l.Block[i])
	}
	if l.Cooperative {
		s.cooperative = 1
	}
	if l.Programmatic {
		s.programmatic = 1
	}
	C.sk_call_shape(C.uintptr_t(c), s)
}

func cCaptureBegin(ctx, s uintptr, mode CaptureMode) Status {
	return resultOf(C.sk_capture_begin(C.uintptr_t(ctx), C.uintptr_t(s), C.int(mode))).status
}

func cCaptureEnd(s uintptr) result    { return resultOf(C.sk_capture_end(C.uintptr_t(s))) }
func cCaptureStatus(s uintptr) result { return resultOf(C.sk_capture_status(C.uintptr_t(s))) }
func cGraphFree(g uintptr) Status     { return Status(C.sk_graph_free(C.uintptr_t(g))) }
func cGraphInstantiate(ctx, g uintptr) result {
	return resultOf(C.sk_graph_instantiate(C.uintptr_t(ctx), C.uintptr_t(g)))
}
func cExecFree(ctx, x uintptr) Status {
	return Status(C.sk_exec_free(C.uintptr_t(ctx), C.uintptr_t(x)))
}
func cExecLaunch(x, s uintptr) Status {
	return Status(C.sk_exec_launch(C.uintptr_t(x), C.uintptr_t(s)))
}
func cExecUpload(x, s uintptr) Status {
	return Status(C.sk_exec_upload(C.uintptr_t(x), C.uintptr_t(s)))
}
func cExecUpdate(ctx, x, g uintptr) result {
	return resultOf(C.sk_exec_update(C.uintptr_t(ctx), C.uintptr_t(x), C.uintptr_t(g)))
}

// cGraphNodes returns the handles of a graph's nodes.
func cGraphNodes(g uintptr) ([]uint64, Status) {
	r := resultOf(C.sk_graph_count(C.uintptr_t(g)))
	if r.status != 0 || r.value == 0 {
		return nil, r.status
	}
	nodes := make([]uint64, r.value)
	s := C.sk_graph_nodes(C.uintptr_t(g), (*C.uint64_t)(&nodes[0]), C.size_t(len(nodes)))
	return nodes, Status(s)
}

// cGraphEdges returns the handles at both ends of a graph's edges, and 1 for each programmatic one.
func cGraphEdges(g uintptr) (from, to []uint64, programmatic []uint8, status Status) {
	r := resultOf(C.sk_graph_edge_count(C.uintptr_t(g)))
	if r.status != 0 || r.value == 0 {
		return nil, nil, nil, r.status
	}
	from, to, programmatic = make([]uint64, r.value), make([]uint64, r.value), make([]uint8, r.value)
	s := C.sk_graph_edges(C.uintptr_t(g), (*C.uint64_t)(&from[0]), (*C.uint64_t)(&to[0]), (*C.uint8_t)(&programmatic[0]), C.size_t(len(from)))
	return from, to, programmatic, Status(s)
}

func cHasLaunchAttributes() bool { return C.sk_has_launch_attributes() != 0 }

func cNodeType(node uint64) result { return resultOf(C.sk_node_type(C.uint64_t(node))) }

// cNodeKernel returns a kernel node's grid, block and dynamic shared memory, and its name if the
// driver tells it.
func cNodeKernel(node uint64) (shape [7]uint32, name string, status Status) {
	var buf [512]C.char
	s := C.sk_node_kernel(C.uint64_t(node), (*C.uint32_t)(&shape[0]), &buf[0], C.size_t(len(buf)))
	return shape, C.GoString(&buf[0]), Status(s)
}
