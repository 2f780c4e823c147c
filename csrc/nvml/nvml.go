// Package nvml defines the C functions that github.com/NVIDIA/go-nvml leaves undefined, as
// forwarders to libnvidia-ml.so.1, which it opens at run time. A program with go-nvml then has no
// undefined name, starts wherever the loader binds names early, and survives a driver that lacks a
// function. Only internal/gpustat, the only importer of go-nvml, needs it.
package nvml

//go:generate go test -run TestAbsent -update .

/*
#cgo CFLAGS: -fvisibility=hidden -Wall
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "forward.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Open binds the forwarders to the library at path, in place of an earlier one. No other goroutine
// may call NVML meanwhile.
func Open(path string) error {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var why [512]C.char
	if C.sk_nvml_open(name, &why[0], C.int(len(why))) != 0 {
		return fmt.Errorf("opening %s: %s", path, C.GoString(&why[0]))
	}
	return nil
}
