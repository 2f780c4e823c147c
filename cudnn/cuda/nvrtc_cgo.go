package cuda

// #include <stdlib.h>
// #include "nvrtc_calls.h"
import "C"

import "unsafe"

const (
	nvrtcCubin = C.SK_NVRTC_CUBIN
	nvrtcPTX   = C.SK_NVRTC_PTX
	nvrtcLog   = C.SK_NVRTC_LOG
)

func useNVRTC(table unsafe.Pointer) { C.sk_nvrtc_use(C.uintptr_t(uintptr(table))) }
func cNVRTCText(status int) string  { return C.GoString(C.sk_nvrtc_text(C.int(status))) }
func cNVRTCDestroy(program uintptr) { C.sk_nvrtc_destroy(C.uintptr_t(program)) }

func cNVRTCVersion() (major, minor, status int) {
	r := C.sk_nvrtc_version()
	return int(r.value), int(r.more), int(r.status)
}

func cNVRTCArchs() (archs []int, status int) {
	r := C.sk_nvrtc_arch_count()
	if r.status != 0 || r.value == 0 {
		return nil, int(r.status)
	}
	list := make([]C.int, r.value)
	s := C.sk_nvrtc_archs(&list[0])
	for _, a := range list {
		archs = append(archs, int(a))
	}
	return archs, int(s)
}

func cNVRTCCreate(source, name string) (program uintptr, status int) {
	s, n := C.CString(source), C.CString(name)
	defer C.free(unsafe.Pointer(s))
	defer C.free(unsafe.Pointer(n))
	r := C.sk_nvrtc_create(s, n)
	return uintptr(r.value), int(r.status)
}

func cNVRTCCompile(program uintptr, options []string) (status int) {
	list := (*[1 << 20]*C.char)(C.calloc(C.size_t(len(options)+1), C.size_t(unsafe.Sizeof((*C.char)(nil)))))
	defer C.free(unsafe.Pointer(list))
	for i, o := range options {
		list[i] = C.CString(o)
		defer C.free(unsafe.Pointer(list[i]))
	}
	return int(C.sk_nvrtc_compile(C.uintptr_t(program), C.int(len(options)), &list[0]))
}

// cNVRTCRead copies the cubin, the PTX or the log of a program out.
func cNVRTCRead(program uintptr, what C.int) (text []byte, status int) {
	r := C.sk_nvrtc_size(C.uintptr_t(program), what)
	if r.status != 0 || r.value == 0 {
		return nil, int(r.status)
	}
	text = make([]byte, r.value)
	s := C.sk_nvrtc_read(C.uintptr_t(program), what, (*C.char)(unsafe.Pointer(&text[0])))
	return text, int(s)
}
