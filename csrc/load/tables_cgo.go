package load

// #cgo linux LDFLAGS: -ldl
// #include <stdlib.h>
// #include "fill.h"
import "C"

import (
	"strings"
	"unsafe"
)

// table is a library's list of functions and the place of their addresses.
type table struct{ c *C.sk_library }

// tableOf returns the table of a library, by its short name.
func tableOf(name string) (table, bool) {
	switch name {
	case CUDA.Name:
		return table{&C.sk_cuda_library}, true
	case CUDNN.Name:
		return table{&C.sk_cudnn_library}, true
	case CUPTI.Name:
		return table{&C.sk_cupti_library}, true
	case NCCL.Name:
		return table{&C.sk_nccl_library}, true
	case NVRTC.Name:
		return table{&C.sk_nvrtc_library}, true
	}
	return table{}, false
}

func (t table) address() unsafe.Pointer { return unsafe.Pointer(t.c.table) }

// fill looks all functions up and returns the names of the missing ones.
func (t table) fill(handle uintptr) (missing []string) {
	var buf [4096]C.char
	if C.sk_fill(C.uintptr_t(handle), t.c, &buf[0], C.size_t(len(buf))) == 0 {
		return nil
	}
	return strings.Fields(C.GoString(&buf[0]))
}

func sysOpen(path string, global bool) (handle uintptr, reason string) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var why [1024]C.char
	flag := C.int(0)
	if global {
		flag = 1
	}
	h := C.sk_open(name, flag, &why[0], C.size_t(len(why)))
	if h == 0 {
		return 0, C.GoString(&why[0])
	}
	return uintptr(h), ""
}

func sysClose(handle uintptr) { C.sk_close(C.uintptr_t(handle)) }

func sysPath(handle uintptr) string {
	var path [4096]C.char
	if C.sk_path(C.uintptr_t(handle), &path[0], C.size_t(len(path))) == 0 {
		return ""
	}
	return C.GoString(&path[0])
}
