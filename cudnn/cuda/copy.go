package cuda

// CopyToDevice queues a copy of src to device memory. From pinned memory it is asynchronous, does
// not allocate and may be captured: src must not change until the stream has done the copy. From
// any other memory it waits for the stream and the copy, as the driver would, and cannot be
// captured. An empty src does nothing. (cuMemcpyHtoDAsync)
func (s *Stream) CopyToDevice(dst Ptr, src []byte) error {
	const op = "Stream.CopyToDevice"
	if s.closed() {
		return closed(op, "stream")
	}
	if len(src) == 0 {
		return nil
	}
	if dst == 0 {
		return invalid(op, "to address 0")
	}
	if isPinned(src) {
		return copied(op, cCopyIn(dst, address(src), len(src), s.handle), int64(len(src)))
	}
	return unpinned(op, cCopyInWait(dst, src, s.handle), len(src))
}

// CopyToHost queues a copy of device memory to dst. To pinned memory it is asynchronous, does not
// allocate and may be captured: dst holds the data once the stream is synchronised. To any other
// memory it waits for the stream and the copy, as the driver would, and cannot be captured. An
// empty dst does nothing. (cuMemcpyDtoHAsync)
func (s *Stream) CopyToHost(dst []byte, src Ptr) error {
	const op = "Stream.CopyToHost"
	if s.closed() {
		return closed(op, "stream")
	}
	if len(dst) == 0 {
		return nil
	}
	if src == 0 {
		return invalid(op, "from address 0")
	}
	if isPinned(dst) {
		return copied(op, cCopyOut(address(dst), src, len(dst), s.handle), int64(len(dst)))
	}
	return unpinned(op, cCopyOutWait(dst, src, s.handle), len(dst))
}

// CopyDevice queues a copy of n bytes from src to dst, which must not overlap. n = 0 does nothing.
// (cuMemcpyDtoDAsync)
func (s *Stream) CopyDevice(dst, src Ptr, n int64) error {
	const op = "Stream.CopyDevice"
	if err := s.range1(op, dst, n, 1); err != nil || n == 0 {
		return err
	}
	if src == 0 {
		return invalid(op, "from address 0")
	}
	return copied(op, cCopy(dst, src, n, s.handle), n)
}

// Memset8 queues the writing of n bytes of v. n = 0 does nothing. (cuMemsetD8Async)
func (s *Stream) Memset8(dst Ptr, v uint8, n int64) error {
	const op = "Stream.Memset8"
	if err := s.range1(op, dst, n, 1); err != nil || n == 0 {
		return err
	}
	return copied(op, cMemset8(dst, v, n, s.handle), n)
}

// Memset16 queues the writing of n uint16 v, at an even address: the way to fill float16 or
// bfloat16. n = 0 does nothing. (cuMemsetD16Async)
func (s *Stream) Memset16(dst Ptr, v uint16, n int64) error {
	const op = "Stream.Memset16"
	if err := s.range1(op, dst, n, 2); err != nil || n == 0 {
		return err
	}
	return copied(op, cMemset16(dst, v, n, s.handle), 2*n)
}

// Memset32 queues the writing of n uint32 v, at an address that is a multiple of 4. n = 0 does
// nothing. (cuMemsetD32Async)
func (s *Stream) Memset32(dst Ptr, v uint32, n int64) error {
	const op = "Stream.Memset32"
	if err := s.range1(op, dst, n, 4); err != nil || n == 0 {
		return err
	}
	return copied(op, cMemset32(dst, v, n, s.handle), 4*n)
}

// range1 checks a stream, and n elements of some bytes each at dst.
func (s *Stream) range1(op string, dst Ptr, n int64, size Ptr) error {
	switch {
	case s.closed():
		return closed(op, "stream")
	case n < 0:
		return invalid(op, "%d elements", n)
	case n > 0 && dst == 0:
		return invalid(op, "to address 0")
	case dst%size != 0:
		return invalid(op, "address %#x is not a multiple of %d", uint64(dst), uint64(size))
	}
	return nil
}

func copied(op string, s Status, bytes int64) error {
	switch s {
	case 0:
		return nil
	case ErrInvalidValue:
		return failed(op, s, "%d bytes: not within one piece of device memory", bytes)
	}
	return failed(op, s, "%d bytes", bytes)
}

// unpinned is the status of a copy from or to memory that is not pinned: a capture refuses it.
func unpinned(op string, s Status, bytes int) error {
	if s == ErrCaptureUnsupported {
		return &Error{Op: op, Status: s, Detail: "only copies from and to pinned memory can be captured: use Context.AllocPinned"}
	}
	return copied(op, s, int64(bytes))
}
