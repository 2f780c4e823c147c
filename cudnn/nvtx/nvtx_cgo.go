package nvtx

// #cgo CFLAGS: -fvisibility=hidden -Wall
// #cgo linux LDFLAGS: -ldl
// #include <stdlib.h>
// #include "attach.h"
import "C"

import (
	"fmt"
	"os"
	"sync"
	"unsafe"
)

// Variable names the tool's library. Profilers set it for the programs that they start.
const Variable = "NVTX_INJECTION64_PATH"

var (
	once     sync.Once
	attached bool
	failed   error
)

// Attach opens the tool's library at the first call, which also names the domain that all ranges of
// the process belong to. Later calls return the same. tool says whether ranges are recorded. The
// error is that of a tool that is named and cannot be used. (InitializeInjectionNvtx2,
// nvtxDomainCreateA)
func Attach(domain string) (tool bool, err error) {
	once.Do(func() {
		path := os.Getenv(Variable)
		if path == "" || path == "./." { // by which tools say: none
			return
		}
		p, d := C.CString(path), C.CString(domain)
		defer C.free(unsafe.Pointer(p))
		defer C.free(unsafe.Pointer(d))
		var why [1024]C.char
		if C.sk_nvtx_attach(p, d, &why[0], C.size_t(len(why))) != 0 {
			failed = fmt.Errorf("nvtx: no ranges are recorded: %s; %s names the profiler's library", C.GoString(&why[0]), Variable)
			return
		}
		attached = true
	})
	return attached, failed
}

// Range is a registered name. The zero Range is none: its Push and Pop do nothing.
type Range struct{ handle C.uintptr_t }

// Register makes a name known to the tool; without one it is the zero Range. A name is registered
// once and pushed often. (nvtxDomainRegisterStringA)
func Register(name string) Range {
	if !attached {
		return Range{}
	}
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return Range{C.sk_nvtx_register(s)}
}

// Push begins the range on this thread, within the open ones. (nvtxDomainRangePushEx)
func (r Range) Push() {
	if r.handle != 0 {
		C.sk_nvtx_push(r.handle)
	}
}

// Pop ends the range, the last one that was pushed on this thread. (nvtxDomainRangePop)
func (r Range) Pop() {
	if r.handle != 0 {
		C.sk_nvtx_pop()
	}
}
