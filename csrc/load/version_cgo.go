package load

// #include <stdlib.h>
// #include "version.h"
import "C"

import "unsafe"

// sysVersion reads the version of an open library.
func sysVersion(handle uintptr, call versionCall) (a, b int, ok bool) {
	name := C.CString(call.symbol)
	defer C.free(unsafe.Pointer(name))
	var v [2]C.int
	ok = C.sk_version(C.uintptr_t(handle), name, C.int(call.kind), &v[0]) == 0
	return int(v[0]), int(v[1]), ok
}
