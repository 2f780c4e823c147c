package nccl

// #include "calls.h"
import "C"

import (
	"unsafe"

	"shake/cudnn/cuda"
)

func useTable(table unsafe.Pointer) { C.sk_nccl_use(C.uintptr_t(uintptr(table))) }

func cVersion() (int, Status) {
	r := C.sk_nccl_version()
	return int(r.value), Status(r.status)
}

func cErrorString(s Status) string {
	if C.sk_nccl == nil {
		return s.Name()
	}
	return C.GoString(C.sk_nccl_error_string(C.int(s)))
}

func cLastError(comm uintptr) string {
	return C.GoString(C.sk_nccl_last_error(C.uintptr_t(comm)))
}

func cUniqueID() (id ID, s Status) {
	s = Status(C.sk_nccl_unique_id((*C.char)(unsafe.Pointer(&id[0]))))
	return id, s
}

func cInit(id ID, c Config) (comm uintptr, s Status) {
	blocking := C.int(0)
	if c.Blocking {
		blocking = 1
	}
	r := C.sk_nccl_init((*C.char)(unsafe.Pointer(&id[0])), C.int(c.Rank), C.int(c.World), blocking, C.int(c.MinCTAs), C.int(c.MaxCTAs))
	return uintptr(r.value), Status(r.status)
}

func cFinalize(comm uintptr) Status { return Status(C.sk_nccl_finalize(C.uintptr_t(comm))) }
func cDestroy(comm uintptr) Status  { return Status(C.sk_nccl_destroy(C.uintptr_t(comm))) }
func cAbort(comm uintptr) Status    { return Status(C.sk_nccl_abort(C.uintptr_t(comm))) }

func cAsyncError(comm uintptr) (found, s Status) {
	r := C.sk_nccl_async_error(C.uintptr_t(comm))
	return Status(r.value), Status(r.status)
}

func cAllReduce(send, recv cuda.Ptr, count int64, t Type, op Op, comm, stream uintptr) Status {
	return Status(C.sk_nccl_all_reduce(C.uint64_t(send), C.uint64_t(recv), C.uint64_t(count), C.int(t), C.int(op), C.uintptr_t(comm), C.uintptr_t(stream)))
}

func cBroadcast(send, recv cuda.Ptr, count int64, t Type, root int, comm, stream uintptr) Status {
	return Status(C.sk_nccl_broadcast(C.uint64_t(send), C.uint64_t(recv), C.uint64_t(count), C.int(t), C.int(root), C.uintptr_t(comm), C.uintptr_t(stream)))
}

func cAllGather(send, recv cuda.Ptr, count int64, t Type, comm, stream uintptr) Status {
	return Status(C.sk_nccl_all_gather(C.uint64_t(send), C.uint64_t(recv), C.uint64_t(count), C.int(t), C.uintptr_t(comm), C.uintptr_t(stream)))
}

func cGroupStart() Status { return Status(C.sk_nccl_group_start()) }
func cGroupEnd() Status   { return Status(C.sk_nccl_group_end()) }

// cThread is the calling thread.
func cThread() uintptr { return uintptr(C.sk_nccl_thread()) }
