package cuda

import (
	"errors"
	"fmt"
)

// Error is the error of a failed call.
type Error struct {
	Op     string // the call, such as "Stream.Synchronize"
	Status Status // the driver's number; Status.Name is its name
	Detail string // the arguments, the fault in them, the remedy; may be empty
	cause  error
}

// Error writes for instance
//
//	cuda: Context.LoadModule: CUDA_ERROR_NO_BINARY_FOR_GPU (209): no kernel image is available: ...
func (e *Error) Error() string {
	s := fmt.Sprintf("cuda: %s: %s (%d)", e.Op, e.Status.Name(), int(e.Status))
	if t := e.Status.text(); t != "" {
		s += ": " + t
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Is makes errors.Is(err, ErrNotReady) look at the status.
func (e *Error) Is(target error) bool {
	s, ok := target.(Status)
	return ok && s == e.Status
}

// Unwrap returns ErrClosed for the use of a closed object.
func (e *Error) Unwrap() error { return e.cause }

// ErrClosed is matched by the errors of using a closed or nil object.
var ErrClosed = errors.New("closed or nil")

// OutOfMemoryError is the error of an allocation, with the bytes asked for and the device's free
// memory. It matches ErrOutOfMemory.
type OutOfMemoryError struct {
	Op          string
	Want        int64 // bytes asked for
	Free, Total int64 // of the device, after the failure; both 0 if the driver did not say
}

func (e *OutOfMemoryError) Error() string {
	if e.Total == 0 {
		return fmt.Sprintf("cuda: %s: out of memory: %s wanted", e.Op, mebibytes(e.Want))
	}
	return fmt.Sprintf("cuda: %s: out of memory: %s wanted, %s free of %s", e.Op, mebibytes(e.Want), mebibytes(e.Free), mebibytes(e.Total))
}

// Is makes errors.Is(err, ErrOutOfMemory) true.
func (e *OutOfMemoryError) Is(target error) bool { return target == ErrOutOfMemory }

func mebibytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// failed makes the error of a status; success is nil.
func failed(op string, s Status, detail string, args ...any) error {
	if s == 0 {
		return nil
	}
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	if r := remedies[s]; r != "" {
		if detail != "" {
			detail += "; "
		}
		detail += r
	}
	return &Error{Op: op, Status: s, Detail: detail}
}

// closed is the error of using a closed or nil object.
func closed(op, what string) error {
	return &Error{Op: op, Status: ErrInvalidHandle, Detail: "the " + what + " is closed or nil", cause: ErrClosed}
}

// invalid is the error of an invalid argument.
func invalid(op, detail string, args ...any) error {
	return &Error{Op: op, Status: ErrInvalidValue, Detail: fmt.Sprintf(detail, args...)}
}
