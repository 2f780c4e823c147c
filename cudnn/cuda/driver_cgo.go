package cuda

// #include "calls.h"
// #cgo noescape sk_copy_in
// #cgo nocallback sk_copy_in
// #cgo noescape sk_copy_out
// #cgo nocallback sk_copy_out
// #cgo noescape sk_copy
// #cgo nocallback sk_copy
// #cgo noescape sk_memset8
// #cgo nocallback sk_memset8
// #cgo noescape sk_memset16
// #cgo nocallback sk_memset16
// #cgo noescape sk_memset32
// #cgo nocallback sk_memset32
// #cgo noescape sk_stream_query
// #cgo nocallback sk_stream_query
// #cgo noescape sk_stream_synchronize
// #cgo nocallback sk_stream_synchronize
// #cgo noescape sk_stream_wait
// #cgo nocallback sk_stream_wait
// #cgo noescape sk_event_record
// #cgo nocallback sk_event_record
// #cgo noescape sk_event_query
// #cgo nocallback sk_event_query
// #cgo noescape sk_event_synchronize
// #cgo nocallback sk_event_synchronize
// #cgo noescape sk_nothing
// #cgo nocallback sk_nothing
import "C"

import "unsafe"

// result is a status with the values of a call.
type result struct {
	status      Status
	value, more uint64
}

func resultOf(r C.sk_result) result {
	return result{Status(r.status), uint64(r.value), uint64(r.more)}
}

func useTable(table unsafe.Pointer) { C.sk_use(C.uintptr_t(uintptr(table))) }

// nothing is an empty call of C: the least cost of any call.
func nothing() { C.sk_nothing() }

func cInit() Status                   { return Status(C.sk_init()) }
func cDriverVersion() result          { return resultOf(C.sk_driver_version()) }
func cErrorName(s Status) string      { return C.GoString(C.sk_error_name(C.int(s))) }
func cErrorText(s Status) string      { return C.GoString(C.sk_error_text(C.int(s))) }
func cDeviceCount() result            { return resultOf(C.sk_device_count()) }
func cDevice(ordinal int) result      { return resultOf(C.sk_device(C.int(ordinal))) }
func cDeviceUUID(device int) result   { return resultOf(C.sk_device_uuid(C.int(device))) }
func cDeviceMemory(device int) result { return resultOf(C.sk_device_memory(C.int(device))) }

func cDeviceAttribute(device, attribute int) result {
	return resultOf(C.sk_device_attribute(C.int(device), C.int(attribute)))
}

func cDeviceName(device int) (string, Status) {
	var name [256]C.char
	s := C.sk_device_name(C.int(device), &name[0], C.int(len(name)))
	name[len(name)-1] = 0
	return C.GoString(&name[0]), Status(s)
}

func cDeviceBus(device int) (string, Status) {
	var id [32]C.char
	s := C.sk_device_bus(C.int(device), &id[0], C.int(len(id)))
	id[len(id)-1] = 0
	return C.GoString(&id[0]), Status(s)
}

func cContextRetain(device int) result  { return resultOf(C.sk_context_retain(C.int(device))) }
func cContextRelease(device int) Status { return Status(C.sk_context_release(C.int(device))) }
func cContextSet(ctx uintptr) Status    { return Status(C.sk_context_set(C.uintptr_t(ctx))) }
func cContextCurrent() result           { return resultOf(C.sk_context_current()) }
func cContextSynchronize(ctx uintptr) Status {
	return resultOf(C.sk_context_synchronize(C.uintptr_t(ctx))).status
}
func cPriorities(ctx uintptr) result { return resultOf(C.sk_priorities(C.uintptr_t(ctx))) }
func cMemInfo(ctx uintptr) result    { return resultOf(C.sk_mem_info(C.uintptr_t(ctx))) }

func cAlloc(ctx uintptr, n int64) result { return resultOf(C.sk_alloc(C.uintptr_t(ctx), C.size_t(n))) }
func cFree(ctx uintptr, p Ptr) Status    { return Status(C.sk_free(C.uintptr_t(ctx), C.uint64_t(p))) }
func cAllocHost(ctx uintptr, n int64) result {
	return resultOf(C.sk_alloc_host(C.uintptr_t(ctx), C.size_t(n)))
}
func cFreeHost(ctx uintptr, p uintptr) Status {
	return Status(C.sk_free_host(C.uintptr_t(ctx), C.uintptr_t(p)))
}
func cBytes(p uintptr, n int64) []byte { return unsafe.Slice((*byte)(C.sk_pointer(C.uintptr_t(p))), n) }
func cStreamNew(ctx uintptr, prio int) result {
	return resultOf(C.sk_stream_new(C.uintptr_t(ctx), C.int(prio)))
}
func cStreamFree(ctx uintptr, s uintptr) Status {
	return Status(C.sk_stream_free(C.uintptr_t(ctx), C.uintptr_t(s)))
}
func cEventFree(ctx uintptr, e uintptr) Status {
	return Status(C.sk_event_free(C.uintptr_t(ctx), C.uintptr_t(e)))
}

func cEventNew(ctx uintptr, timing bool) result {
	t := C.int(0)
	if timing {
		t = 1
	}
	return resultOf(C.sk_event_new(C.uintptr_t(ctx), t))
}

func cCopyIn(dst Ptr, src uintptr, n int, s uintptr) Status {
	return Status(C.sk_copy_in(C.uint64_t(dst), C.uintptr_t(src), C.size_t(n), C.uintptr_t(s)))
}

func cCopyOut(dst uintptr, src Ptr, n int, s uintptr) Status {
	return Status(C.sk_copy_out(C.uintptr_t(dst), C.uint64_t(src), C.size_t(n), C.uintptr_t(s)))
}

func cCopy(dst, src Ptr, n int64, s uintptr) Status {
	return Status(C.sk_copy(C.uint64_t(dst), C.uint64_t(src), C.size_t(n), C.uintptr_t(s)))
}

func cCopyInWait(dst Ptr, src []byte, s uintptr) Status {
	return Status(C.sk_copy_in_wait(C.uint64_t(dst), unsafe.Pointer(unsafe.SliceData(src)), C.size_t(len(src)), C.uintptr_t(s)))
}

func cCopyOutWait(dst []byte, src Ptr, s uintptr) Status {
	return Status(C.sk_copy_out_wait(unsafe.Pointer(unsafe.SliceData(dst)), C.uint64_t(src), C.size_t(len(dst)), C.uintptr_t(s)))
}

func cMemset8(dst Ptr, v uint8, n int64, s uintptr) Status {
	return Status(C.sk_memset8(C.uint64_t(dst), C.uint8_t(v), C.size_t(n), C.uintptr_t(s)))
}

func cMemset16(dst Ptr, v uint16, n int64, s uintptr) Status {
	return Status(C.sk_memset16(C.uint64_t(dst), C.uint16_t(v), C.size_t(n), C.uintptr_t(s)))
}

func cMemset32(dst Ptr, v uint32, n int64, s uintptr) Status {
	return Status(C.sk_memset32(C.uint64_t(dst), C.uint32_t(v), C.size_t(n), C.uintptr_t(s)))
}

func cStreamSynchronize(s uintptr) Status { return Status(C.sk_stream_synchronize(C.uintptr_t(s))) }
func cStreamQuery(s uintptr) Status       { return Status(C.sk_stream_query(C.uintptr_t(s))) }
func cStreamWait(s, e uintptr) Status {
	return Status(C.sk_stream_wait(C.uintptr_t(s), C.uintptr_t(e)))
}
func cEventRecord(e, s uintptr) Status {
	return Status(C.sk_event_record(C.uintptr_t(e), C.uintptr_t(s)))
}
func cEventQuery(e uintptr) Status       { return Status(C.sk_event_query(C.uintptr_t(e))) }
func cEventSynchronize(e uintptr) Status { return Status(C.sk_event_synchronize(C.uintptr_t(e))) }
func cEventElapsed(start, e uintptr) result {
	return resultOf(C.sk_event_elapsed(C.uintptr_t(start), C.uintptr_t(e)))
}
